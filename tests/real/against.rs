//! `roamd check --against`: what a change would do, told before it is rolled out.

use std::fs;

use serde_json::Value;

use crate::commands::{Alone, roamd};
use crate::wait;

#[test]
fn check_against_an_agent_says_what_a_change_would_do_on_its_host() {
    let vms =
        "vms: {test: {service_ips: [198.51.100.10, 198.51.100.11]}, far: {service_ips: [198.51.100.20]}}\n";
    let mut alone = Alone::start("print", "{listen: 'unix:DIR/http.sock'}", vms);
    let (socket, file) = (alone.socket(), alone.config.display().to_string());
    wait::until("the VM is seen", || {
        let (_, output, errors) = roamd(&["status", "--unix", &socket]);
        if output.contains("active") { Ok(()) } else { Err(output + &errors) }
    });
    let agent = format!("unix:{socket}");
    let same = ["check", "--config", &file, "--against", &agent];
    let output = alone.answers(&same);
    assert!(output.contains("no route changes on the host of unix:"), "{output}");

    let text = fs::read_to_string(&alone.config).expect("it was written");
    let changed = text
        .replace(
            "[198.51.100.10, 198.51.100.11]",
            "[198.51.100.10, 198.51.100.12], attributes: {communities: ['65101:20']}",
        )
        .replace("[198.51.100.20]", "[198.51.100.21]")
        .replace("read_write: true", "read_write: true, resync: 20s");
    let next = alone.config.with_file_name("next.yaml").display().to_string();
    fs::write(&next, &changed).expect("it is written");
    let output = alone.answers(&["check", "--config", &next, "--against", &agent]);
    for line in [
        "change 198.51.100.10/32 (test, active): communities + 65101:20",
        "withdraw 198.51.100.11/32 (test, active)",
        "announce 198.51.100.12/32 (test, active)",
        "1 VMs that it is about are not here or held: nothing of theirs changes",
    ] {
        assert!(output.lines().any(|found| found == line), "{line} is not in {output}");
    }
    assert!(output.contains("waits for a restart: libvirt.resync"), "{output}");
    assert!(!output.contains("198.51.100.2"), "{output}");
    let json = alone.answers(&["check", "--json", "--config", &next, "--against", &agent]);
    let report: Value = serde_json::from_str(&json).expect("it is JSON");
    assert_eq!(report["against"]["elsewhere"], 1);
    let actions = report["against"]["changes"].as_array().expect("a list").iter();
    let actions: Vec<&Value> = actions.map(|change| &change["action"]).collect();
    assert_eq!(actions, ["change", "withdraw", "announce"]);

    let output = alone.answers(&["check", "--config", &next, "--against", &file]);
    assert!(output.contains("announce 198.51.100.21/32 (far)"), "{output}");
    let nothing = format!("{agent}.not");
    let (code, output, errors) = roamd(&["check", "--config", &next, "--against", &nothing]);
    assert_eq!((code, output.as_str()), (Some(1), ""));
    assert!(errors.contains("cannot reach the agent"), "{errors}");
    let faulty = alone.config.with_file_name("faulty.yaml").display().to_string();
    fs::write(&faulty, text.replace("198.51.100.11", "198.51.100.300")).expect("it is written");
    let (code, output, errors) = roamd(&["check", "--config", &next, "--against", &faulty]);
    assert_eq!((code, output.as_str()), (Some(1), ""));
    assert!(errors.contains("198.51.100.300"), "{errors}");
    let (code, output, _) = roamd(&["check", "--config", &faulty, "--against", &agent]);
    assert_eq!(code, Some(78), "{output}");
    assert!(output.contains("198.51.100.300"), "{output}");
}
