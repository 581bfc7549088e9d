//! The alert rules and the dashboard, by Prometheus' own promtool.
//!
//! That the names in them are roamd's is tested beside the list of metrics (`src/http/metrics/tests.rs`).

use std::collections::BTreeSet;
use std::env::temp_dir;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};

use serde_json::Value;
use serde_yaml::Value as Yaml;

const RULES: &str = "deploy/prometheus/roamd.rules.yml";
const TESTS: &str = "tests/prometheus/roamd.rules.test.yml";

fn path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn read(name: &str) -> String {
    fs::read_to_string(path(name)).expect("it is in the repository")
}

/// Runs promtool, which must succeed.
fn promtool(arguments: &[&str], file: &Path) {
    let output = Command::new("promtool")
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .output()
        .expect("promtool is installed: run deploy/prepare tests");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
}

#[test]
fn the_rules_and_the_scrape_example_are_what_prometheus_takes() {
    promtool(&["check", "rules"], &path(RULES));
    promtool(&["check", "config", "--syntax-only"], &path("deploy/prometheus/scrape.yml"));
}

#[test]
fn each_alert_fires_when_it_should_and_is_silent_when_not() {
    promtool(&["test", "rules"], &path(TESTS));
}

#[test]
fn each_alert_says_what_to_do_and_is_tested_both_ways() {
    let rules: Yaml = serde_yaml::from_str(&read(RULES)).unwrap();
    let tests: Yaml = serde_yaml::from_str(&read(TESTS)).unwrap();
    let (mut silent, mut firing) = (BTreeSet::new(), BTreeSet::new());
    for test in tests["tests"].as_sequence().unwrap() {
        for expected in test["promql_expr_test"].as_sequence().into_iter().flatten() {
            let samples = expected["exp_samples"].as_sequence().unwrap();
            let alert = expected["expr"].as_str().unwrap().to_owned();
            if samples.is_empty() {
                silent.insert(alert)
            } else {
                firing.insert(alert)
            };
        }
    }
    let mut names = BTreeSet::new();
    for rule in rules["groups"][0]["rules"].as_sequence().unwrap() {
        let name = rule["alert"].as_str().unwrap();
        assert!(names.insert(name), "{name} is there twice");
        assert!(["critical", "warning"].contains(&rule["labels"]["severity"].as_str().unwrap()), "{name}");
        for text in ["summary", "description"] {
            assert!(rule["annotations"][text].as_str().is_some_and(|text| !text.is_empty()), "{name} {text}");
        }
        let fires = format!("ALERTS{{alertname=\"{name}\",alertstate=\"firing\"}}");
        assert!(silent.contains(&fires) && firing.contains(&fires), "{name} lacks a test");
    }
    assert!(names.len() > 20, "{names:?}");
}

/// Each query of the dashboard, as Grafana fills in its variables.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("there are panels").iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().into_iter().flatten());
    let annotations = dashboard["annotations"]["list"].as_array().expect("there are annotations").iter();
    targets
        .chain(annotations)
        .map(|target| target["expr"].as_str().expect("a target has a query"))
        .map(|query| query.replace("$__rate_interval", "1m").replace("$instance", "kvm1.*"))
        .collect()
}

#[test]
fn each_query_of_the_dashboard_is_one_that_prometheus_understands() {
    let queries = queries(&serde_json::from_str(&read("deploy/grafana/roamd.json")).unwrap());
    assert!(queries.len() > 20);
    let rules: Vec<Value> = queries
        .iter()
        .enumerate()
        .map(|(number, query)| serde_json::json!({"record": format!("query:{number}"), "expr": query}))
        .collect();
    let rules = serde_json::json!({"groups": [{"name": "dashboard", "rules": rules}]});
    let file = temp_dir().join(format!("roamd-dashboard-{}.yml", process::id()));
    fs::write(&file, rules.to_string()).unwrap();
    promtool(&["check", "rules"], &file);
    fs::remove_file(file).unwrap();
}

#[test]
fn the_dashboard_has_what_grafana_needs_to_import_it() {
    let dashboard: Value = serde_json::from_str(&read("deploy/grafana/roamd.json")).unwrap();
    assert!(dashboard.get("id").is_none(), "Grafana gives it one of its own");
    assert!(dashboard["schemaVersion"].as_u64().unwrap() >= 36);
    let variables: BTreeSet<&str> = dashboard["templating"]["list"]
        .as_array()
        .unwrap()
        .iter()
        .map(|variable| variable["name"].as_str().unwrap())
        .collect();
    assert_eq!(variables, BTreeSet::from(["datasource", "instance"]));
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().unwrap() {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}: its number is there twice");
        let [x, y, w, h] = ["x", "y", "w", "h"].map(|key| panel["gridPos"][key].as_u64().unwrap());
        assert!(x + w <= 24, "{title} is out of the grid");
        for place in (y..y + h).flat_map(|y| (x..x + w).map(move |x| (x, y))) {
            assert!(taken.insert(place), "{title} lies over another panel");
        }
        if panel["type"] != "row" {
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{title}");
        }
        let mut references = BTreeSet::new();
        for target in panel["targets"].as_array().into_iter().flatten() {
            assert_eq!(target["datasource"]["uid"], "${datasource}", "{title}");
            assert!(references.insert(target["refId"].as_str().unwrap()), "{title}");
        }
    }
}
