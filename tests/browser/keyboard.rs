//! By keyboard alone, and by name, address and prefix.

use serde_json::json;

use crate::host::{Host, VMS};
use crate::page::Page;
use crate::webdriver::key;

#[test]
fn every_part_is_reached_and_used_with_the_keyboard_alone() {
    let host = Host::start(&["web-1", "db-1", "router-1"], VMS);
    let page = Page::open(&host.agent.url());
    page.is_live();
    page.until("all are here", |page| page.rows().len() >= 4);

    // From the top of the page, by Tab alone.
    page.browser.script("document.activeElement.blur(); document.body.focus()", &json!([]));
    let mut passed = Vec::new();
    while passed.last().is_none_or(|last| last != "grid") {
        assert!(passed.len() < 20, "{passed:?}");
        page.browser.press(key::TAB);
        passed.push(page.focus());
    }
    for part in ["skip", "VMs", "Routes", "Migrations", "Events", "search", "elsewhere"] {
        assert!(passed.iter().any(|passed| passed == part), "{part} in {passed:?}");
    }
    // Through the rows, which stand in the order of presence and then of names.
    page.browser.press(key::HOME);
    let first = page.active_row();
    page.browser.press(key::DOWN);
    let second = page.active_row();
    assert_ne!(first, second);
    page.browser.press(key::END);
    let last = page.active_row();
    assert!(![first, second].contains(&last));
    page.browser.press(key::ENTER);
    page.until("its page is there, and has the focus", |page| {
        page.text_of("vm-name") == last && page.focus() == "vm-name"
    });
    page.browser.press(key::ESCAPE);
    page.until("the list is back, and has the focus", |page| page.focus() == "grid");

    // Headings sort, by Enter and by Space.
    page.browser.press(key::HOME);
    page.browser.script("document.querySelector('[role=columnheader] button').focus()", &json!([]));
    for (press, order) in [(key::ENTER, "ascending"), (key::SPACE, "descending")] {
        page.browser.press(press);
        page.until("it is sorted", |page| {
            page.browser.script("return document.querySelector('[role=columnheader]').ariaSort", &json!([]))
                == order
        });
    }
    let names: Vec<String> = page.rows().into_iter().map(|mut row| row.remove(0)).collect();
    assert_eq!(names, ["web-1", "test", "router-1", "db-1"]);

    // The search, from anywhere.
    page.browser.press("/");
    page.until("the search has the focus", |page| page.focus() == "search");
    page.browser.press("db-");
    page.until("one is left", |page| page.row_count() == 1);
    page.browser.press(key::ENTER);
    page.until("the list has the focus", |page| page.focus() == "grid");
    page.browser.press(key::ENTER);
    page.until("the one that was found is opened", |page| page.text_of("vm-name") == "db-1");
    page.has_nothing_to_complain_of();
}

#[test]
fn a_vm_is_found_by_name_address_and_prefix() {
    let host = Host::start(&["web-1", "db-1", "router-1"], VMS);
    let page = Page::open(&host.agent.url());
    page.is_live();
    page.until("all are here", |page| page.rows().len() >= 4);
    for (text, found) in [
        ("WEB", "web-1"),
        ("198.51.100.20", "db-1"),
        ("198.51.100.70", "router-1"),
        ("198.51.100.64/28", "router-1"),
        ("198.51.100.0/28", "web-1"),
        ("2001:0db8:5:0::10", "web-1"),
    ] {
        page.search(text);
        page.until(&format!("{text} finds {found}"), |page| {
            let rows = page.rows();
            rows.len() == 1 && rows[0][0] == found
        });
    }
    page.search("198.51.100.99");
    page.until("an address of nobody finds nobody", |page| page.text().contains("No VM that is looked for."));
    page.search("");
    page.until("all are back", |page| page.rows().len() >= 4);
    page.has_nothing_to_complain_of();
}
