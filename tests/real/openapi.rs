//! The OpenAPI document against a running agent: schemathesis asks what the document allows, and much that it does not, and
//! holds every answer against it. schemathesis comes from `deploy/prepare tests`; without it the tests fail.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::agreement::{ACTIVE, web};
use crate::exabgp::Version;
use crate::lab::{Lab, Plan, VMS};

/// How long schemathesis may take for all paths, in seconds; with so few examples it takes much less.
const PATIENCE: &str = "600";

/// What no answer can be held against, because it never ends.
const STREAM: &str = "/api/v1/events/stream";

fn schemathesis() -> PathBuf {
    let default = || Path::new(env!("CARGO_MANIFEST_DIR")).join("target/schemathesis");
    let program =
        env::var_os("ROAMD_SCHEMATHESIS").map_or_else(default, PathBuf::from).join("bin/schemathesis");
    assert!(program.exists(), "{} is missing: run deploy/prepare tests", program.display());
    program
}

fn lab() -> Lab {
    let mut lab = Lab::start(Version::V4, &Plan { running: &["web"], config: VMS });
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab
}

/// Every path of the document, with something that is there in place of each parameter.
fn paths(document: &Value) -> Vec<String> {
    let paths = document["paths"].as_object().expect("it has paths");
    let filled = |path: &String| {
        path.replace("{name}", "web")
            .replace("{prefix}", "198.51.100.10/32")
            .replace("{subject}", "198.51.100.10")
    };
    paths.keys().map(filled).collect()
}

#[test]
fn schemathesis_finds_no_answer_that_is_not_in_the_document() {
    let mut lab = lab();
    let document = format!("http://{}/openapi.json", lab.rest.address);
    let output = Command::new("timeout")
        .arg(PATIENCE)
        .arg(schemathesis())
        .args([
            "run",
            &document,
            "--seed",
            "1",
            "--max-examples",
            "40",
            "--phases",
            "examples,coverage,fuzzing",
        ])
        .args(["--checks", "all", "--generation-database", "none", "--no-color", "--exclude-path", STREAM])
        // What text is a prefix is more than a schema says: the document has 400 for what is none.
        .args(["--exclude-checks", "positive_data_acceptance"])
        .current_dir(lab.dir())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::null())
        .output()
        .expect("timeout starts");
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", output.status);
    // And the agent is none the worse for it.
    lab.agrees_on([&web(ACTIVE)[..]]);
}

#[test]
fn every_path_of_the_document_is_there_and_takes_get_and_head_alone() {
    let lab = lab();
    let document = lab.rest.json("/openapi.json").expect("it is there");
    let paths = paths(&document);
    assert!(paths.len() >= 11, "{paths:?}");
    for path in paths {
        assert!(!path.contains(['{', '}']), "{path}: what stands for its parameter?");
        for method in
            ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND", "QUERY", "get"]
        {
            let refused = lab.rest.request(method, &path, "localhost").expect("it is answered");
            assert_eq!((refused.status, refused.header("allow")), (405, "GET, HEAD"), "{method} {path}");
            assert_eq!(refused.header("content-type"), "application/problem+json", "{method} {path}");
        }
        if path != STREAM {
            let head = lab.rest.request("HEAD", &path, "localhost").expect("it is answered");
            assert_eq!((head.status, head.body.as_str()), (200, ""), "HEAD {path}");
            let get = lab.rest.get(&path).expect("it is answered");
            assert_eq!(get.status, 200, "{path}: {}", get.body);
        }
    }
}
