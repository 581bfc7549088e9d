use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/dashboard")
}

/// The files in the folder that are of the page.
fn names() -> BTreeSet<String> {
    let names =
        fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| Path::new(name).extension().is_none_or(|extension| extension != "rs")).collect()
}

#[test]
fn every_file_of_the_folder_is_served_as_what_it_is() {
    let served: BTreeSet<String> = FILES
        .iter()
        .map(|file| file.path.rsplit('/').next().unwrap_or_default())
        .map(str::to_owned)
        .collect();
    let expected = names().into_iter().map(|name| if name == "index.html" { String::new() } else { name });
    assert_eq!(served, expected.collect());
    for file in &FILES {
        let media_type = match file.path.rsplit_once('.') {
            Some((_, "js")) => "text/javascript; charset=utf-8",
            Some((_, "css")) => "text/css; charset=utf-8",
            Some((_, "svg")) => "image/svg+xml",
            _ => "text/html; charset=utf-8",
        };
        assert_eq!(file.media_type, media_type, "{}", file.path);
    }
}

/// What the policy would stop in the browser, and what would go round it, stands nowhere.
#[test]
fn nothing_of_the_page_asks_others_or_makes_markup_of_text() {
    let forbidden = [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "new Function",
        "DOMParser",
        "srcdoc",
        "style=\"",
        "onclick=\"",
        "javascript:",
        "https://",
        "//cdn",
        "@import",
        "url(",
        "localStorage",
        "document.cookie",
    ];
    for name in names() {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        for word in forbidden {
            assert!(!text.contains(word), "{word} in {name}");
        }
        // The one address that is a name.
        let others = text.replace("http://www.w3.org/2000/svg", "");
        assert!(!others.contains("http://"), "{name}");
    }
}

#[test]
fn what_a_module_imports_is_served() {
    for name in names() {
        let text = fs::read_to_string(folder().join(&name)).unwrap();
        for (at, _) in text.match_indices("from \"./") {
            let (imported, _) = text[at + 8..].split_once('"').unwrap();
            assert!(is_open(&format!("/dashboard/{imported}")), "{imported} in {name}");
        }
    }
}
