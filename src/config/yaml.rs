//! A file's YAML as a stream of values: one pass that keeps nothing of it, however large it is.
//!
//! What is refused (anchors, tags, merge keys, several documents, too deep a nesting) and what is broken ends the pass
//! at once; the marked pass finds the words for it. Plain scalars mean what YAML 1.2's core schema says: `no` and `1:30`
//! are text, `1_000` is, and so is a number with a leading zero.

use std::borrow::Cow;

use saphyr_parser::{Event, Parser, ScalarStyle};

use super::fault::MAX_FINDINGS;
use super::input::{Allowance, Metered};
use super::path::{At, KeyPath};
use super::raw::Leaf;

/// Deepest nesting of maps and lists; the deepest that any key needs is 6.
pub(super) const MAX_DEPTH: usize = 32;

/// Most values of a file, lists and maps among them: ten times those of 100,000 VMs with two addresses each.
pub(super) const MAX_VALUES: usize = 5_000_000;

/// The pass ended before the file did.
#[derive(Debug)]
pub(super) struct Stopped;

/// A value, or the beginning of one.
pub(super) enum Node {
    /// Neither a list nor a map.
    Leaf(Leaf),
    /// Its items follow, as long as there is [more](Reader::more).
    List,
    /// A key and a value each follow, as long as there is [more](Reader::more).
    Map,
}

/// The pass over one file.
pub(super) struct Reader<'t> {
    parser: Parser<'t, Metered<'t>>,
    allowance: Allowance,
    depth: usize,
    values: usize,
    /// Keys that are not known where they stand, and how many more there are.
    pub(super) unknown: Vec<KeyPath>,
    pub(super) more_unknown: usize,
    /// There is something that the marked pass has to say: a duplicate key, a number in other than decimal digits.
    pub(super) odd: bool,
}

impl<'t> Reader<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        let allowance = Allowance::new();
        let parser = Parser::new(Metered::new(text, allowance.clone()));
        let unknown = Vec::new();
        Self { parser, allowance, depth: 0, values: 0, unknown, more_unknown: 0, odd: false }
    }

    /// The one document of the file, read by `read`; none where there is nothing but comments.
    pub(super) fn document<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Stopped>,
    ) -> Result<Option<T>, Stopped> {
        loop {
            let event = self.event()?;
            if event == Event::StreamEnd {
                return Ok(None);
            }
            if matches!(event, Event::DocumentStart(_)) {
                break;
            }
        }
        let value = read(self)?;
        match (self.event()?, self.event()?) {
            (Event::DocumentEnd, Event::StreamEnd) => Ok(Some(value)),
            _ => Err(Stopped),
        }
    }

    fn event(&mut self) -> Result<Event<'t>, Stopped> {
        let next = self.parser.next_event();
        self.allowance.renew();
        match next {
            Some(Ok((event, _))) if !self.allowance.has_run_out() => Ok(event),
            Some(Ok(_) | Err(_)) | None => Err(Stopped),
        }
    }

    /// The next value, or how it begins.
    pub(super) fn node(&mut self) -> Result<Node, Stopped> {
        let event = self.event()?;
        self.values += 1;
        if self.values > MAX_VALUES {
            return Err(Stopped);
        }
        let node = if let Event::Scalar(text, style, 0, None) = event {
            return Ok(Node::Leaf(self.leaf(text, style)));
        } else if event == Event::SequenceStart(0, None) {
            Node::List
        } else if event == Event::MappingStart(0, None) {
            Node::Map
        } else {
            return Err(Stopped);
        };
        self.depth += 1;
        if self.depth > MAX_DEPTH { Err(Stopped) } else { Ok(node) }
    }

    /// Whether the innermost list or map goes on; takes its end.
    pub(super) fn more(&mut self) -> Result<bool, Stopped> {
        match self.parser.peek() {
            Some(Ok((Event::SequenceEnd | Event::MappingEnd, _))) => {
                self.depth -= 1;
                self.event().map(|_| false)
            }
            Some(Ok(_)) => Ok(true),
            Some(Err(_)) | None => Err(Stopped),
        }
    }

    /// The next key of a map that goes on.
    pub(super) fn key(&mut self) -> Result<Cow<'t, str>, Stopped> {
        let Event::Scalar(text, style, 0, None) = self.event()? else { return Err(Stopped) };
        if style == ScalarStyle::Plain && text == "<<" { Err(Stopped) } else { Ok(text) }
    }

    /// Notes that the key at `at` is not known.
    pub(super) fn unknown(&mut self, at: &At<'_>) {
        if self.unknown.len() < MAX_FINDINGS {
            self.unknown.push(KeyPath::from(at));
        } else {
            self.more_unknown += 1;
        }
    }

    fn leaf(&mut self, text: Cow<'t, str>, style: ScalarStyle) -> Leaf {
        if style != ScalarStyle::Plain {
            return Leaf::Text(text.into_owned());
        }
        self.odd |= in_other_digits(&text);
        match &*text {
            "" | "~" | "null" | "Null" | "NULL" => Leaf::Null,
            "true" | "True" | "TRUE" => Leaf::Bool(true),
            "false" | "False" | "FALSE" => Leaf::Bool(false),
            plain => number(plain).unwrap_or_else(|| Leaf::Text(text.into_owned())),
        }
    }
}

/// A plain scalar as a number, if it is one.
fn number(plain: &str) -> Option<Leaf> {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    match unsigned.as_bytes() {
        // A leading zero is YAML 1.1's octal number: text by now.
        [b'0', rest @ ..] if !rest.is_empty() && rest.iter().all(u8::is_ascii_digit) => None,
        [b'0'..=b'9' | b'.', ..] => {
            let integer = plain.parse().ok().map(Leaf::Integer);
            integer.or_else(|| plain.parse().ok().filter(|value: &f64| value.is_finite()).map(Leaf::Float))
        }
        _ => None,
    }
}

/// Whether others read it as a number, which it does not look like to everyone: `0x1F`, `0o17`, `0b1`, `+5`.
pub(super) fn in_other_digits(text: &str) -> bool {
    let unsigned = text.strip_prefix('+').unwrap_or(text);
    let radix = match unsigned.get(..2) {
        Some("0x") => Some(16),
        Some("0o") => Some(8),
        Some("0b") => Some(2),
        _ => None,
    };
    match radix {
        Some(radix) => unsigned.len() > 2 && unsigned[2..].chars().all(|c| c.is_digit(radix)),
        None => {
            unsigned.len() < text.len()
                && !unsigned.is_empty()
                && unsigned.bytes().all(|b| b.is_ascii_digit())
        }
    }
}
