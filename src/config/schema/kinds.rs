//! The kinds of values in the JSON Schema: what an editor can say while a file is written.
//!
//! They are a little wider than the rules, which look at several keys and files: what a kind refuses, `roamd check`
//! refuses too.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::{Nic, Vm};
use crate::config::judge::ORIGINS;
use crate::config::{Frozen, LogFormat, LogLevel, OnStop, Transport};

/// Kinds of values, each a type with its schema.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident($generator:pat) = $schema:expr;)*) => {
        $(
            $(#[doc = $doc])*
            pub(super) struct $name;

            impl JsonSchema for $name {
                fn inline_schema() -> bool {
                    true
                }

                fn schema_name() -> Cow<'static, str> {
                    stringify!($name).into()
                }

                fn json_schema($generator: &mut SchemaGenerator) -> Schema {
                    $schema
                }
            }
        )*
    };
}

/// A whole number in decimal digits.
pub(super) struct Number<const LEAST: u32, const MOST: u32>;

impl<const LEAST: u32, const MOST: u32> JsonSchema for Number<LEAST, MOST> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("Number{LEAST}To{MOST}").into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "integer", "minimum": LEAST, "maximum": MOST})
    }
}

const WORD: &str = r"^\S+$";
const TEXT: &str = r"\S";
const ADDRESS: &str = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)$";
const PREFIX: &str = "^([0-9]{1,3}([.][0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?$";
const MAC: &str = "^[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}$";
const ABSOLUTE: &str = "^/";
/// 0 to 65535, and up to ten digits.
const U16: &str = "(0|[1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])";
const U32: &str = "(0|[1-9][0-9]{0,9})";

fn text(pattern: &str) -> Schema {
    json_schema!({"type": "string", "pattern": pattern})
}

fn text_or_null(pattern: &str) -> Schema {
    json_schema!({"type": ["string", "null"], "pattern": pattern})
}

fn list(pattern: &str) -> Schema {
    json_schema!({"type": ["array", "null"], "items": text(pattern)})
}

/// One of the words that are judged by.
fn one_of<T>(choices: &[(&'static str, T)]) -> Schema {
    let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
    json_schema!({"enum": words})
}

kinds! {
    Word(_) = text(WORD);
    WordOrNull(_) = text_or_null(WORD);
    Text(_) = text(TEXT);
    PathOrNull(_) = text_or_null(TEXT);
    SocketPath(_) = text(ABSOLUTE);
    Boolean(_) = json_schema!({"type": "boolean"});
    /// With its unit, as `humantime` reads it.
    Duration(_) = text("^ *[0-9]+ *[A-Za-zµ]+( *[0-9]+ *[A-Za-zµ]+)* *$");
    AsNumber(_) = json_schema!({"type": "integer", "minimum": 1, "maximum": u32::MAX});
    AddressOrNull(_) = text_or_null(ADDRESS);
    NextHop(_) = json_schema!({"anyOf": [{"const": "self"}, text(ADDRESS)]});
    NextHopOrNull(_) = json_schema!({"anyOf": [{"enum": ["self", null]}, text(ADDRESS)]});
    Neighbors(_) = list(ADDRESS);
    /// A list that is left empty by accident must not lift the limit.
    Prefixes(_) = json_schema!({"type": "array", "items": text(PREFIX)});
    ServiceIps(_) = json_schema!({"type": "array", "minItems": 1, "items": text(PREFIX)});
    Communities(_) = list(&format!("^{U16}:{U16}$"));
    LargeCommunities(_) = list(&format!("^{U32}:{U32}:{U32}$"));
    ExtendedCommunities(_) = list(&format!("^(target|origin):{U32}:{U32}$"));
    MacAddress(_) = text(MAC);
    MacOrNull(_) = text_or_null(MAC);
    UuidOrNull(_) = text_or_null("^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$");
    Interfaces(_) = list("^[!-~]{1,15}$");
    Names(_) = list(TEXT);
    Hosts(_) = list("^[A-Za-z0-9_.-]{1,253}$");
    Listening(_) = text("^(unix:/.+|.+:[0-9]{1,5})$");
    Table(_) = json_schema!({"anyOf": [{"type": "integer", "minimum": 1, "maximum": u32::MAX}, text("^[!-~]{1,15}$")]});
    TransitTable(_) = json_schema!({"type": "integer", "minimum": 1, "maximum": u32::MAX});
    TransportName(_) = one_of(Transport::ALL);
    StopName(_) = one_of(OnStop::ALL);
    FrozenName(_) = one_of(Frozen::ALL);
    LevelName(_) = one_of(LogLevel::ALL);
    FormatName(_) = one_of(LogFormat::ALL);
    OriginName(_) = one_of(&ORIGINS);
    /// Under each service IP a NIC.
    Nics(generator) = json_schema!({
        "type": ["object", "null"],
        "additionalProperties": generator.subschema_for::<Nic>(),
    });
    /// Under each name a VM.
    Vms(generator) = json_schema!({
        "type": ["object", "null"],
        "propertyNames": {"pattern": r"^[^\u0000-\u0008\u000a-\u000c\u000e-\u001f]+$"},
        "additionalProperties": generator.subschema_for::<Vm>(),
    });
}
