//! A host with a token: the page is open, and asks for it.

use std::fs;

use serde_json::json;

use crate::host::{Dir, Host, VMS};
use crate::page::Page;
use crate::webdriver::key;

#[test]
fn the_page_asks_for_the_token_and_again_when_the_host_has_another_one() {
    let dir = Dir::new();
    let file = dir.path().join("token");
    fs::write(&file, "first-s3cret\n").expect("it is written");
    let host = Host::start_with(&["web-1"], &format!(", token_file: '{}'", file.display()), VMS);
    let page = Page::open(&host.agent.url());
    let asks = |page: &Page| page.focus() == "token";
    page.until("it asks", asks);
    assert!(!page.text().contains("web-1"));
    page.browser.press("wrong");
    page.browser.press(key::ENTER);
    page.until("it says that it is wrong", |page| {
        asks(page) && page.text_of("token-error").contains("does not accept")
    });
    page.browser.press("first-s3cret");
    page.browser.press(key::ENTER);
    page.is_live();
    page.shows("web-1", "present");
    assert!(!page.browser.script("return location.href", &json!([])).to_string().contains("s3cret"));
    // It is kept for this tab.
    page.browser.open(&host.agent.url());
    page.is_live();

    // Another one is in force once the configuration was read again, and nothing else has changed.
    fs::write(&file, "second-s3cret\n").expect("it is written");
    host.agent.reload();
    page.until("it asks again", |page| {
        page.browser.open(&host.agent.url());
        asks(page)
    });
    page.browser.press("second-s3cret");
    page.browser.press(key::ENTER);
    page.is_live();

    // A file without a token changes nothing, and is shown.
    fs::write(&file, "\n").expect("it is written");
    host.agent.reload();
    page.until("the fault is shown", |page| {
        page.text_of("attention").contains("http.token_file: the file: the token file")
            && page.text_of("link") == "live"
    });
    page.has_nothing_to_complain_of();
}
