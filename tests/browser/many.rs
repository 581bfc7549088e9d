//! Ten thousand VMs.

use std::fmt::Write;
use std::fs;

use serde_json::json;

use crate::host::{Agent, Dir};
use crate::page::Page;
use crate::wait;

const COUNT: usize = 10_000;

/// A description of a node with these VMs running, for libvirt's test driver inside the agent.
fn node() -> String {
    let mut node =
        "<node><cpu><mhz>2000</mhz><model>x</model><active>2</active><nodes>1</nodes><sockets>1</sockets>\
                    <cores>2</cores><threads>1</threads></cpu><memory>99999999</memory>"
            .to_owned();
    for number in 0..COUNT {
        write!(
            node,
            "<domain type='test'><name>vm-{number:05}</name><uuid>00000000-0000-4000-a000-{number:012}</uuid>\
             <memory>1024</memory><vcpu>1</vcpu><os><type>hvm</type></os></domain>"
        )
        .expect("a string takes everything");
    }
    node + "</node>"
}

#[test]
fn ten_thousand_vms_are_scrolled_searched_and_sorted_smoothly() {
    let dir = Dir::new();
    let file = dir.path().join("node.xml");
    fs::write(&file, node()).expect("it is written");
    let mut vms = "vms:\n".to_owned();
    for number in 0..COUNT {
        writeln!(vms, "  vm-{number:05}: {{service_ips: ['2001:db8:5::{number:x}']}}")
            .expect("a string takes everything");
    }
    let agent = Agent::start(dir.path(), &format!("test://{}", file.display()), "", &vms);
    let page = Page::open(&agent.url());
    wait::patiently("all of them are listed and announced", || {
        let text = page.text_of("health");
        if page.row_count() == COUNT && text.contains("Routes announced10,000all as wanted") {
            Ok(())
        } else {
            Err(text)
        }
    });
    let drawn = || page.rows().len();
    assert!(drawn() < 100, "only what is in sight is drawn: {}", drawn());

    // Through the whole list, a screen and a half with each frame.
    let frames = page.browser.script_that_waits(
        "const done = arguments[0];
         const body = document.querySelector('[role=grid]');
         const spans = [];
         let last = null;
         const step = (now) => {
           if (last !== null) spans.push(now - last);
           last = now;
           body.scrollTop += 1.5 * body.clientHeight;
           if (body.scrollTop + body.clientHeight >= body.scrollHeight - 1) done(spans.sort((one, other) => one - other));
           else requestAnimationFrame(step);
         };
         requestAnimationFrame(step)",
    );
    let frames: Vec<f64> = serde_json::from_value(frames).expect("numbers");
    let at = |share: usize| frames[(frames.len() - 1) * share / 100];
    page.until("the last is in sight", |page| {
        page.rows().iter().any(|row| row[0] == format!("vm-{:05}", COUNT - 1))
    });
    assert!(drawn() < 100, "{}", drawn());

    let took = |script: &str| {
        let script = format!("const began = performance.now(); {script}; return performance.now() - began");
        page.browser.script(&script, &json!([])).as_f64().expect("a number")
    };
    let sorted = took("document.querySelector('[role=columnheader] button').click()");
    let memory = page.browser.script("return performance.memory.usedJSHeapSize / 1e6", &json!([]));
    eprintln!(
        "{COUNT} VMs: {} frames of scrolling, median {:.0} ms, p99 {:.0} ms; sorted in {sorted:.0} ms; {:.0} MB of objects",
        frames.len(),
        at(50),
        at(99),
        memory.as_f64().expect("a number"),
    );
    page.search("2001:db8:5::270f");
    page.until("one is found by its address", |page| {
        let rows = page.rows();
        rows.len() == 1 && rows[0][0] == "vm-09999"
    });
    page.has_nothing_to_complain_of();
}
