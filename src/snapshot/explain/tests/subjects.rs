//! What is asked for, and what stands for it.

use super::*;

/// `web-1` has two addresses and a routed prefix, `db-1` and `web-2` others; a route belongs to nobody.
fn host() -> Snapshot {
    let mut host = sample::host();
    let found = RouteView {
        vm: None,
        ..(*route("198.51.100.99", "", Rung::Active, RouteState::Withdrawing)).clone()
    };
    host.routes.insert(found.prefix, Arc::new(found));
    host
}

fn subject(asked: &str) -> Option<(Subject, Option<String>)> {
    let explanation = host().explain(asked, time(NOW))?;
    assert_reads_well(&explanation);
    Some((explanation.subject, explanation.vm.map(|vm| vm.to_string())))
}

fn prefix(text: &str, vm: Option<&str>) -> (Subject, Option<String>) {
    (Subject::Prefix { prefix: text.parse().unwrap() }, vm.map(str::to_owned))
}

#[test]
fn a_name_a_prefix_and_an_address_are_found() {
    let name = VmName::new("web-1");
    assert_eq!(subject("web-1"), Some((Subject::Vm { name }, Some("web-1".to_owned()))));
    for (asked, found, vm) in [
        ("198.51.100.10", "198.51.100.10/32", Some("web-1")),
        ("198.51.100.10/32", "198.51.100.10/32", Some("web-1")),
        ("2001:DB8:5:0::10", "2001:db8:5::10/128", Some("web-1")),
        ("198.51.100.64/28", "198.51.100.64/28", Some("web-1")),
        ("198.51.100.70", "198.51.100.64/28", Some("web-1")),
        ("198.51.100.72/29", "198.51.100.64/28", Some("web-1")),
        ("2001:db8:6::1:2", "2001:db8:6::/64", Some("web-2")),
        ("198.51.100.99", "198.51.100.99/32", None),
    ] {
        assert_eq!(subject(asked), Some(prefix(found, vm)), "{asked}");
    }
}

#[test]
fn what_nobody_here_knows_is_not_explained() {
    for asked in [
        "",
        "web",
        "WEB-1",
        "198.51.100.12",
        "198.51.100.80",
        "198.51.100.64/27",
        "198.51.100.65/28",
        "2001:db8:7::1",
    ] {
        assert_eq!(subject(asked), None, "{asked}");
    }
}

#[test]
fn a_name_that_is_an_address_too_is_the_vm() {
    let fleet = [configured("198.51.100.10", &["198.51.100.11"]), configured("web", &["198.51.100.10"])];
    let host = sample::snapshot(sample::config(fleet), []);
    let name = VmName::new("198.51.100.10");
    assert_eq!(ask(&host, "198.51.100.10").subject, Subject::Vm { name });
    assert_eq!(ask(&host, "198.51.100.10/32").vm, Some(VmName::new("web")));
}

#[test]
fn of_nested_prefixes_the_longest_counts() {
    let mut host = host();
    let wide = route("198.51.100.0/24", "db-1", Rung::Active, RouteState::Withdrawing);
    host.routes.insert(wide.prefix, wide);
    assert_eq!(
        ask(&host, "198.51.100.70").subject,
        Subject::Prefix { prefix: "198.51.100.64/28".parse().unwrap() }
    );
    assert_eq!(
        ask(&host, "198.51.100.12").subject,
        Subject::Prefix { prefix: "198.51.100.0/24".parse().unwrap() }
    );
}

#[test]
fn the_summary_of_an_address_says_to_what_and_whom_it_belongs() {
    let host = host();
    let summary = |asked| ask(&host, asked).summary;
    assert_eq!(
        summary("198.51.100.10"),
        "198.51.100.10/32 belongs to web-1: web-1 executes here, and this host announces it on the rung `active`."
    );
    assert_eq!(
        summary("198.51.100.70"),
        "198.51.100.70 is in 198.51.100.64/28, which belongs to web-1: web-1 executes here, and this host announces it on \
         the rung `active`."
    );
    assert_eq!(
        summary("198.51.100.99"),
        "198.51.100.99/32 belongs to no VM of the configuration: a route is being withdrawn."
    );
}

#[test]
fn an_address_is_explained_by_its_own_route_alone() {
    let explanation = ask(&host(), "198.51.100.70");
    let routes = text(&explanation, Step::Route);
    assert!(routes.contains("198.51.100.64/28") && !routes.contains("198.51.100.10"), "{routes}");
    let all = text(&ask(&host(), "web-1"), Step::Route);
    for prefix in ["198.51.100.10/32", "2001:db8:5::10/128", "198.51.100.64/28"] {
        assert!(all.contains(prefix), "{all}");
    }
}

#[test]
fn a_vm_with_many_addresses_has_a_bounded_chain() {
    let addresses: Vec<String> = (0..100).map(|number| format!("198.51.100.{number}")).collect();
    let addresses: Vec<&str> = addresses.iter().map(String::as_str).collect();
    let routes = addresses.iter().map(|ip| route(ip, "web", Rung::Active, RouteState::Announced)).collect();
    let fleet = [configured("web", &addresses)];
    let host = sample::snapshot(sample::config(fleet), [sample::vm("web", Presence::Present, routes)]);
    let explanation = ask(&host, "web");
    assert_reads_well(&explanation);
    assert_eq!(explanation.chain.iter().filter(|link| link.step == Step::Route).count(), 17);
    assert!(text(&explanation, Step::Route).contains("has 84 more routes"));
}
