//! What happens on the host is on the page, also after the agent was away.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::host::{Host, VMS};
use crate::page::Page;

#[test]
fn a_vm_that_starts_pauses_and_stops_is_followed_without_a_reload() {
    let host = Host::start(&["web-1"], VMS);
    host.libvirtd.define("db-1");
    let page = Page::open(&host.agent.url());
    page.is_live();
    page.browser.script("window.sameLife = true", &json!([]));
    page.shows("web-1", "present");
    page.shows("web-1", "2 announced");
    assert!(page.rows().iter().all(|row| row[0] != "db-1"), "it is not here");

    host.libvirtd.virsh(&["start", "db-1"]);
    page.shows("db-1", "arrived");
    page.shows("db-1", "announced");
    host.libvirtd.virsh(&["suspend", "db-1"]);
    page.shows("db-1", "frozen");
    page.shows("db-1", "standby");
    host.libvirtd.virsh(&["resume", "db-1"]);
    page.shows("db-1", "arrived");
    host.libvirtd.virsh(&["destroy", "db-1"]);
    page.until("db-1 is gone from the list", |page| page.rows().iter().all(|row| row[0] != "db-1"));

    page.browser.script("location.hash = '#/vm/db-1'", &json!([]));
    page.until("its page has the way it went", |page| {
        let text = page.text();
        ["absent", "arrived → frozen", "frozen → arrived", "arrived → absent"]
            .iter()
            .all(|part| text.contains(part))
    });
    page.browser.script("location.hash = '#/routes'", &json!([]));
    page.until("its route is gone, the others are there", |page| {
        let prefixes: Vec<String> = page.rows().into_iter().map(|mut row| row.remove(0)).collect();
        prefixes == ["198.51.100.10/32", "2001:db8:5::10/128"]
    });
    assert_eq!(page.browser.script("return window.sameLife", &json!([])), true);
    page.has_nothing_to_complain_of();
}

#[test]
fn what_needs_attention_is_said_in_words_and_goes_again() {
    let mut host = Host::start(&["web-1"], VMS);
    let page = Page::open(&host.agent.url());
    page.is_live();
    page.until("the host is ready", |page| page.text_of("ready") == "ready");
    assert!(!page.text().contains("Needs attention"));
    host.libvirtd.kill();
    page.until("libvirt's end is told", |page| {
        page.text_of("ready") == "not ready" && page.text_of("attention").contains("Not ready, libvirt: ")
    });
    assert!(page.text_of("health").contains("not connected"));
    host.libvirtd.restart(&["web-1"]);
    page.until("it is over", |page| {
        page.text_of("ready") == "ready" && !page.text().contains("Needs attention")
    });
    page.has_nothing_to_complain_of();
}

#[test]
fn while_the_agent_is_away_the_page_says_so_and_goes_on_with_the_next_one() {
    let mut host = Host::start(&["web-1"], VMS);
    host.libvirtd.define("db-1");
    let page = Page::open(&host.agent.url());
    page.is_live();
    page.shows("web-1", "present");
    host.agent.stop();
    page.until("it says so", |page| page.text_of("link").starts_with("no answer since"));
    page.shows("web-1", "present");
    host.libvirtd.virsh(&["start", "db-1"]);
    host.agent.restart();
    page.is_live();
    page.shows("db-1", "present");
    host.libvirtd.virsh(&["destroy", "db-1"]);
    page.until("events come again", |page| page.rows().iter().all(|row| row[0] != "db-1"));
    // What the browser says of connections that were refused is no complaint.
    let complaints = page.browser.complaints();
    assert!(complaints.iter().all(|text| text.contains("net::ERR_")), "{complaints:?}");
}

/// From virsh's command to the page: libvirt, the agent, HTTP and the browser are in it.
#[test]
fn an_event_is_on_the_page_soon() {
    const ROUNDS: usize = 40;
    let host = Host::start(&["web-1"], VMS);
    let page = Page::open(&host.agent.url());
    page.is_live();
    // Notes when the cell changes, and when the event says that it happened; both clocks are this machine's.
    page.browser.script(
        "window.spans = [];
         const told = new Map();
         const text = () => [...document.querySelectorAll('.rows [role=row]')]
           .find((row) => row.children[0].textContent === 'web-1')?.children[1].textContent;
         let last = text();
         new MutationObserver(() => {
           if (text() === last) return;
           last = text();
           fetch('/api/v1/events?limit=20').then((answer) => answer.json()).then(({ events }) => {
             const event = events.filter((one) => one.kind === 'presence').at(-1);
             if (told.has(event.seq)) return;
             told.set(event.seq, true);
             window.spans.push(now - Date.parse(event.at));
           });
           const now = performance.timeOrigin + performance.now();
         }).observe(document.getElementById('main'), { subtree: true, childList: true, characterData: true });",
        &json!([]),
    );
    for round in 0..ROUNDS {
        let (verb, presence) = if round % 2 == 0 { ("suspend", "frozen") } else { ("resume", "present") };
        host.libvirtd.virsh(&[verb, "web-1"]);
        page.shows("web-1", presence);
        page.until("it was measured", |page| {
            page.browser.script("return window.spans.length", &json!([])).as_u64() > Some(round as u64)
        });
    }
    let mut spans: Vec<f64> =
        serde_json::from_value(page.browser.script("return window.spans", &json!([]))).expect("numbers");
    spans.sort_by(f64::total_cmp);
    let at = |share: usize| spans[(spans.len() - 1) * share / 100];
    eprintln!("event to browser, {ROUNDS} events: median {:.0} ms, p99 {:.0} ms", at(50), at(99));
    let soon = Duration::from_secs(10);
    assert!(at(99) < soon.as_secs_f64() * 1e3, "{spans:?}, within {:?}", Instant::now());
}
