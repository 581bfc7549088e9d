//! Whatever a VM is called, its name is text.

use serde_json::json;

use crate::host::Host;
use crate::page::Page;

const NASTY: [&str; 5] = [
    "<script>alert(1)<script>",
    "<img src=x onerror=alert(1)>",
    "\"><svg onload=alert(1)>",
    "javascript:alert(1)",
    "\u{202e}drawkcab & <b>bold<b> '\"`${alert(1)}",
];
/// In the configuration alone: libvirt's test driver takes no `/` in a name.
const CONFIGURED: &str = "<script>alert(1)</script>";

#[test]
fn names_with_markup_are_shown_as_text_and_nothing_in_them_runs() {
    let yaml = format!("vms: {{{}: {{service_ips: [198.51.100.10]}}}}", json!(CONFIGURED));
    let host = Host::start(&[], &yaml);
    for (number, name) in (1..).zip(NASTY) {
        host.define(name, number);
        host.libvirtd.virsh(&["start", name]);
    }
    let page = Page::open(&host.agent.url());
    page.is_live();
    page.browser.script(
        "window.alert = () => { window.ran = true };
         document.addEventListener('securitypolicyviolation', () => { window.ran = true });
         document.getElementById('elsewhere').click()",
        &json!([]),
    );
    page.until("every name is in the list", |page| {
        let rows = page.rows();
        NASTY.iter().chain([&CONFIGURED]).all(|name| rows.iter().any(|row| row[0] == *name))
    });
    for name in NASTY.into_iter().chain([CONFIGURED]) {
        // By the link, as a click does.
        page.browser.script(
            "[...document.querySelectorAll('.rows a')].find((link) => link.textContent === arguments[0]).click()",
            &json!([name]),
        );
        page.until("its page has its name", |page| page.text_of("vm-name") == name);
        page.until("and is explained", |page| page.text_of("main").contains("configuration"));
        page.browser.script("location.hash = '#/vms'", &json!([]));
        page.until("the list is back", |page| page.row_count() > NASTY.len());
    }
    page.browser.script("location.hash = '#/events'", &json!([]));
    page.until("the events name it", |page| page.text().contains(NASTY[0]));
    page.search(NASTY[1]);
    page.until("and are found by it", |page| page.row_count() > 0);
    let made = page.browser.script(
        "return [window.ran ?? false, document.querySelectorAll('main img, main script, main b, main svg').length]",
        &json!([]),
    );
    assert_eq!(made, json!([false, 0]));
    page.has_nothing_to_complain_of();
}
