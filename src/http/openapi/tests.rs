use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::route::Rung;
use crate::vm::Presence;

/// The paths that axum routes, as its router's `Debug` has them: it tells them in no other way.
fn routed() -> BTreeSet<String> {
    let debug = format!("{:?}", axum::Router::<Snapshots>::from(paths()));
    let (debug, _) = debug.split_once("fallback_router").unwrap();
    let quoted = debug.split('"').skip(1).step_by(2);
    quoted.filter(|text| text.starts_with('/')).map(|path| path.replace("{*", "{")).collect()
}

fn json() -> Value {
    serde_json::to_value(document()).unwrap()
}

fn documented() -> BTreeSet<String> {
    json()["paths"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn every_path_of_the_router_is_in_the_document_and_the_other_way_round() {
    let routed = routed();
    assert!(routed.contains("/api/v1/status") && routed.contains("/healthz"), "{routed:?}");
    // An empty key is a parameter's value, too; axum wants a path of its own for it.
    let (without_key, plain): (BTreeSet<_>, BTreeSet<_>) =
        routed.into_iter().partition(|path| path.len() > 1 && path.ends_with('/'));
    assert_eq!(plain, documented());
    for path in without_key {
        assert!(plain.iter().any(|plain| plain.starts_with(&format!("{path}{{"))), "{path}");
    }
}

#[test]
fn it_is_openapi_3_1_with_this_program_s_version() {
    let json = json();
    assert_eq!(json["openapi"], "3.1.0");
    assert_eq!(json["info"]["title"], "roamd");
    assert_eq!(json["info"]["version"], env!("CARGO_PKG_VERSION"));
}

#[test]
fn every_path_has_get_and_head_alone_each_with_a_name_of_its_own() {
    let mut ids = BTreeSet::new();
    for (path, item) in json()["paths"].as_object().unwrap() {
        let methods: Vec<&String> = item.as_object().unwrap().keys().collect();
        assert_eq!(methods, ["get", "head"], "{path}");
        for method in methods {
            assert!(ids.insert(item[method]["operationId"].as_str().unwrap().to_owned()), "{path}");
        }
    }
}

#[test]
fn the_words_of_enums_are_those_of_json() {
    use crate::config::{Frozen, LogFormat, LogLevel, OnStop, Transport};
    fn words<T: Copy + serde::Serialize>(all: &[(&str, T)]) -> Value {
        assert!(all.iter().all(|(word, value)| serde_json::to_value(value).unwrap() == *word));
        all.iter().map(|(word, _)| Value::from(*word)).collect()
    }
    let json = json();
    let documented = |name: &str| json["components"]["schemas"][name]["enum"].clone();
    assert_eq!(documented("Transport"), words(Transport::ALL));
    assert_eq!(documented("OnStop"), words(OnStop::ALL));
    assert_eq!(documented("Frozen"), words(Frozen::ALL));
    assert_eq!(documented("LogLevel"), words(LogLevel::ALL));
    assert_eq!(documented("LogFormat"), words(LogFormat::ALL));
    assert_eq!(documented("Presence"), words(&Presence::ALL.map(|presence| (presence.name(), presence))));
    assert_eq!(documented("Rung"), words(&Rung::ALL.map(|rung| (rung.name(), rung))));
}

#[test]
fn every_reference_leads_somewhere() {
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(object) => {
                found.extend(object.get("$ref").and_then(Value::as_str).map(str::to_owned));
                object.values().for_each(|value| references(value, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let json = json();
    let mut found = BTreeSet::new();
    references(&json, &mut found);
    assert!(found.contains("#/components/schemas/VmView"), "{found:?}");
    for reference in found {
        assert!(json.pointer(reference.strip_prefix('#').unwrap()).is_some(), "{reference}");
    }
}

#[test]
fn the_guard_s_answers_and_the_token_stand_at_every_path() {
    for (path, item) in json()["paths"].as_object().unwrap() {
        let open = health::is_open(path);
        for method in ["get", "head"] {
            let operation = &item[method];
            let statuses: BTreeSet<&str> =
                operation["responses"].as_object().unwrap().keys().map(String::as_str).collect();
            assert!(statuses.is_superset(&BTreeSet::from(["200", "400", "421"])), "{path}: {statuses:?}");
            assert_eq!(statuses.contains("401"), !open, "{path}");
            let security = if open { serde_json::json!([]) } else { serde_json::json!([{"token": []}, {}]) };
            assert_eq!(operation["security"], security, "{path}");
            for (status, response) in operation["responses"].as_object().unwrap() {
                assert!(!response["description"].as_str().unwrap().is_empty(), "{path} {status}");
                assert_eq!(response.get("content").is_some(), method == "get", "{method} {path} {status}");
            }
        }
    }
}

#[test]
fn the_keys_of_an_answer_are_those_of_its_schema_and_all_are_required() {
    let vm = &json()["components"]["schemas"]["VmView"];
    let properties: BTreeSet<&String> = vm["properties"].as_object().unwrap().keys().collect();
    let host = crate::snapshot::sample::host();
    let shown = serde_json::to_value(host.vms.values().next().unwrap()).unwrap();
    assert_eq!(properties, shown.as_object().unwrap().keys().collect());
    assert_eq!(vm["required"].as_array().unwrap().len(), properties.len());
    // The one key that may be absent: in the file, too, `null` is no way to say that there is no limit.
    let bgp = &json()["components"]["schemas"]["EffectiveBgp"];
    let required: BTreeSet<&str> =
        bgp["required"].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
    assert!(required.contains("next_hop_v6") && !required.contains("allowed_prefixes"), "{required:?}");
}
