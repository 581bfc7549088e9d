//! What stands in the kernel for a VM, and what becomes of it when others change it.

use roamd::host_routes::{Order, StandState, Standing, Want};

use crate::in_a_namespace_of_its_own;
use crate::kernel::{Kernel, here};
use crate::namespace::{host, ip, lines, tap, try_ip, until, until_lines};

const MAC: &str = "52:54:00:00:00:10";
const V4: &str = "198.51.100.10";
const V6: &str = "2001:db8:5::10";

const NOTHING: [&str; 0] = [];
const ROUTE: &str = "198.51.100.10 dev br0 scope link";
const ROUTE_V6: &str = "2001:db8:5::10 dev br0 metric 1024 pref medium";
const TRANSIT: [&str; 2] = ["198.51.100.10 dev br0 proto 82 scope link", "blackhole 198.51.0.0/16 proto 82"];
const TRANSIT_V6: [&str; 2] = [
    "2001:db8:5::10 dev br0 proto 82 metric 1024 pref medium",
    "blackhole 2001:db8:5::/48 dev lo proto 82 metric 1024 pref medium",
];

/// A host with the VM behind `vnet0`, its addresses placed.
fn placed() -> Kernel {
    host();
    tap("vnet0");
    let mut kernel = Kernel::start();
    kernel.complete();
    for prefix in [V4, V6] {
        kernel.want(prefix, here("vnet0", MAC, Standing::Executes));
    }
    for prefix in [V4, V6] {
        let stand = kernel.until(prefix, StandState::Placed);
        assert_eq!(stand.device.map(|device| device.to_string()).as_deref(), Some("br0"));
        assert_eq!(stand.error, None);
    }
    kernel
}

fn all_is_there() {
    until_lines("-4 route show proto 82", &[ROUTE]);
    until_lines("-6 route show proto 82", &[ROUTE_V6]);
    until_lines("-4 route show table 82", &TRANSIT);
    until_lines("-6 route show table 82", &TRANSIT_V6);
    until_lines(
        "-4 neigh show nud permanent",
        &["198.51.100.10 dev br0 lladdr 52:54:00:00:00:10 PERMANENT proto 82"],
    );
    until_lines(
        "-6 neigh show nud permanent",
        &["2001:db8:5::10 dev br0 lladdr 52:54:00:00:00:10 PERMANENT proto 82"],
    );
    for family in ["-4", "-6"] {
        until_lines(
            &format!("{family} rule show priority 82"),
            &["82:\tfrom all iif uplink lookup 82 proto 82"],
        );
    }
}

/// Waits until everything that the bridge `br0` had is gone.
fn until_all_gone() {
    for words in [
        "-4 route show proto 82",
        "-6 route show proto 82",
        "-4 route show table 82",
        "-6 route show table 82",
    ] {
        until(&format!("ip {words} shows nothing"), || {
            // A table that never had a route is an error of its own.
            let shown = try_ip(words).unwrap_or_default();
            if shown.is_empty() { Ok(()) } else { Err(shown) }
        });
    }
    until_lines("neigh show nud permanent", &NOTHING);
    until_lines("rule show priority 82", &NOTHING);
    until_lines("-6 rule show priority 82", &NOTHING);
}

in_a_namespace_of_its_own! {
    fn a_vm_that_executes_here_stands_in_both_tables_with_its_neighbour() {
        let kernel = placed();
        all_is_there();
        // The agent is stopped, and the next one finds all as it was.
        kernel.end();
        all_is_there();
    }

    fn a_vm_that_waits_here_is_reached_from_the_uplinks_only() {
        let mut kernel = placed();
        for prefix in [V4, V6] {
            kernel.want(prefix, here("vnet0", MAC, Standing::Waits));
            kernel.until(prefix, StandState::Transit);
        }
        until_lines("-4 route show proto 82", &NOTHING);
        until_lines("-6 route show proto 82", &NOTHING);
        until_lines("-4 route show table 82", &TRANSIT);
        until_lines("-6 route show table 82", &TRANSIT_V6);
        // As the kernel decides it: for what comes in, and for what the host sends. Without a default route of its own it
        // has nowhere to send that.
        ip("addr add 192.0.2.1/24 dev uplink");
        ip("route add default via 192.0.2.254");
        for key in ["all", "uplink", "br0"] {
            std::fs::write(format!("/proc/sys/net/ipv4/conf/{key}/forwarding"), "1").expect("there is such a setting");
            std::fs::write(format!("/proc/sys/net/ipv4/conf/{key}/rp_filter"), "0").expect("there is such a setting");
        }
        let inwards = ip("route get 198.51.100.10 from 203.0.113.1 iif uplink");
        assert!(inwards.contains("dev br0"), "{inwards}");
        let own = ip("route get 198.51.100.10");
        assert!(own.contains("via 192.0.2.254 dev uplink"), "{own}");
        let neighbours = ip("route get 198.51.100.10 from 198.51.100.11 iif br0");
        assert!(neighbours.contains("via 192.0.2.254 dev uplink"), "{neighbours}");
        let elsewhere = try_ip("route get 198.51.100.77 from 203.0.113.1 iif uplink");
        assert!(elsewhere.is_err(), "it ends in the blackhole, not at the switch: {elsewhere:?}");
        kernel.want(V4, here("vnet0", MAC, Standing::Executes));
        kernel.until(V4, StandState::Placed);
        assert!(ip("route get 198.51.100.10").contains("dev br0"));
    }

    fn what_nobody_wants_any_more_goes_and_leaves_the_frame() {
        let mut kernel = placed();
        for prefix in [V4, V6] {
            kernel.want(prefix, Want::Nothing);
            kernel.until_nothing(prefix);
        }
        until_lines("-4 route show proto 82", &NOTHING);
        until_lines("neigh show nud permanent", &NOTHING);
        until_lines("-4 route show table 82", &TRANSIT[1..]);
        until_lines("-6 route show table 82", &TRANSIT_V6[1..]);
    }

    fn everything_of_ours_goes_when_it_is_cleared_and_nothing_else() {
        let mut kernel = placed();
        ip("route add 198.51.100.99 dev br0 proto static");
        ip("route add 198.51.100.98 dev br0 table 82 proto 83");
        ip("neigh add 198.51.100.99 lladdr 02:00:00:00:00:99 dev br0 nud permanent");
        ip("rule add iif br0 lookup 82 priority 83 protocol 83");
        kernel.order(Order::Clear);
        until("all is cleared", || {
            kernel.hear();
            if kernel.cleared { Ok(()) } else { Err(String::new()) }
        });
        assert_eq!(lines("-4 route show table 82"), ["198.51.100.98 dev br0 proto 83 scope link"]);
        assert_eq!(lines("-4 route show proto static"), ["198.51.100.99 dev br0 scope link"]);
        assert_eq!(lines("neigh show nud permanent"), ["198.51.100.99 dev br0 lladdr 02:00:00:00:00:99 PERMANENT"]);
        assert_eq!(lines("rule show priority 82"), NOTHING);
        assert_eq!(lines("rule show priority 83"), ["83:\tfrom all iif br0 lookup 82 proto 83"]);
        ip("route del 198.51.100.98 table 82");
        ip("route del 198.51.100.99");
        ip("neigh del 198.51.100.99 dev br0");
        until_all_gone();
    }

    fn what_somebody_removes_is_put_back() {
        let kernel = placed();
        all_is_there();
        for words in [
            "route flush proto 82",
            "-6 route flush proto 82",
            "route flush table 82",
            "-6 route flush table 82",
            "neigh del 198.51.100.10 dev br0",
            "-6 neigh flush dev br0 nud permanent",
            "rule del priority 82",
            "-6 rule del priority 82",
        ] {
            ip(words);
            all_is_there();
        }
        kernel.end();
    }

    fn a_neighbour_that_somebody_changes_is_set_again() {
        let kernel = placed();
        all_is_there();
        // Without a word on its protocol, which stays ours.
        ip("neigh replace 198.51.100.10 lladdr 02:00:00:00:00:66 dev br0 nud permanent");
        all_is_there();
        ip("neigh replace 198.51.100.10 lladdr 02:00:00:00:00:66 dev br0 nud reachable");
        all_is_there();
        kernel.end();
    }

    fn a_bridge_that_is_set_down_deleted_and_made_again_gets_its_routes_again() {
        let mut kernel = placed();
        ip("link set br0 down");
        // The kernel refuses a route to it.
        let error = kernel.until(V4, StandState::Failed).error.expect("it says why");
        assert!(error.contains("down") || error.contains("unreachable"), "{error}");
        ip("link set br0 up");
        kernel.until(V4, StandState::Placed);
        kernel.until(V6, StandState::Placed);
        all_is_there();
        ip("link del br0");
        // The tap has no bridge now, and packets go to itself.
        until_lines("-4 route show proto 82", &["198.51.100.10 dev vnet0 scope link"]);
        until_lines("-6 route show proto 82", &["2001:db8:5::10 dev vnet0 metric 1024 pref medium"]);
        ip("link add br0 type bridge");
        ip("link set br0 up");
        ip("link set vnet0 master br0");
        all_is_there();
        kernel.end();
    }

    fn a_tap_that_is_deleted_fails_until_it_is_made_again() {
        let mut kernel = placed();
        ip("link del vnet0");
        let error = kernel.until(V4, StandState::Failed).error.expect("it says why");
        assert_eq!(error, "the kernel has no interface vnet0, which libvirt names as the VM's");
        until_lines("-4 route show proto 82", &NOTHING);
        tap("vnet0");
        kernel.until(V4, StandState::Placed);
        all_is_there();
    }

    fn a_tap_that_is_wanted_before_it_is_there_is_found_when_it_comes() {
        host();
        let mut kernel = Kernel::start();
        kernel.complete();
        kernel.want(V4, here("vnet7", MAC, Standing::Waits));
        kernel.until(V4, StandState::Failed);
        tap("vnet7");
        kernel.until(V4, StandState::Transit);
        // Renamed: it is another one.
        ip("link set vnet7 down");
        ip("link set vnet7 name vnet8");
        kernel.until(V4, StandState::Failed);
    }

    fn a_route_of_somebody_else_to_elsewhere_is_a_conflict_and_not_a_fight() {
        host();
        tap("vnet0");
        ip("route add 198.51.100.10 dev uplink proto static");
        ip("-6 route add 2001:db8:5::10 dev uplink proto static metric 5");
        let mut kernel = Kernel::start();
        kernel.complete();
        for prefix in [V4, V6] {
            kernel.want(prefix, here("vnet0", MAC, Standing::Executes));
        }
        let error = kernel.until(V4, StandState::Failed).error.expect("it says why");
        assert!(error.contains("protocol static") && error.contains("ip route del 198.51.100.10/32 dev uplink"), "{error}");
        kernel.until(V6, StandState::Failed);
        until("both conflicts are told", || {
            kernel.hear();
            let told: Vec<_> = kernel.overall.conflicts.iter().map(|one| (one.prefix.to_string(), one.protocol)).collect();
            let both = [("198.51.100.10/32".to_owned(), 4), ("2001:db8:5::10/128".to_owned(), 4)];
            if told == both { Ok(()) } else { Err(format!("{told:?}")) }
        });
        assert_eq!(lines("-4 route show 198.51.100.10"), ["198.51.100.10 dev uplink proto static scope link"]);
        ip("route del 198.51.100.10 dev uplink");
        ip("-6 route del 2001:db8:5::10 dev uplink");
        for prefix in [V4, V6] {
            kernel.until(prefix, StandState::Placed);
        }
        all_is_there();
        until("no conflict is left", || {
            kernel.hear();
            if kernel.overall.conflicts.is_empty() { Ok(()) } else { Err(format!("{:?}", kernel.overall)) }
        });
    }

    fn a_route_of_somebody_else_to_the_same_bridge_is_good_enough_and_told() {
        host();
        tap("vnet0");
        ip("route add 198.51.100.10 dev br0 proto static");
        let mut kernel = Kernel::start();
        kernel.complete();
        kernel.want(V4, here("vnet0", MAC, Standing::Executes));
        kernel.until(V4, StandState::Placed);
        until("the conflict is told", || {
            kernel.hear();
            if kernel.overall.conflicts.len() == 1 { Ok(()) } else { Err(format!("{:?}", kernel.overall)) }
        });
        assert_eq!(lines("-4 route show 198.51.100.10"), ["198.51.100.10 dev br0 proto static scope link"]);
        ip("route del 198.51.100.10 dev br0 proto static");
        until_lines("-4 route show proto 82", &[ROUTE]);
    }

    fn somebody_elses_route_in_place_of_ours_is_not_replaced() {
        let mut kernel = placed();
        ip("route replace 198.51.100.10 dev uplink proto static");
        kernel.until(V4, StandState::Failed);
        assert_eq!(lines("-4 route show 198.51.100.10"), ["198.51.100.10 dev uplink proto static scope link"]);
        ip("route del 198.51.100.10");
        kernel.until(V4, StandState::Placed);
        until_lines("-4 route show proto 82", &[ROUTE]);
    }

    fn a_neighbour_that_was_set_by_hand_is_a_conflict() {
        host();
        tap("vnet0");
        ip("neigh add 198.51.100.10 lladdr 02:00:00:00:00:66 dev br0 nud permanent protocol static");
        let mut kernel = Kernel::start();
        kernel.complete();
        kernel.want(V4, here("vnet0", MAC, Standing::Executes));
        let error = kernel.until(V4, StandState::Failed).error.expect("it says why");
        assert!(error.contains("ip neigh del 198.51.100.10 dev br0"), "{error}");
        ip("neigh del 198.51.100.10 dev br0");
        kernel.until(V4, StandState::Placed);
    }

    fn a_prefix_is_routed_to_its_vm_as_to_a_router() {
        host();
        tap("vnet0");
        ip("-6 route add 2001:db8:5::/48 dev uplink");
        let mut kernel = Kernel::start();
        kernel.complete();
        for prefix in ["198.51.100.64/28", "2001:db8:5:1::/64"] {
            kernel.want(prefix, here("vnet0", MAC, Standing::Executes));
            kernel.until(prefix, StandState::Placed);
        }
        until_lines("-4 route show proto 82", &["198.51.100.64/28 via 198.51.100.64 dev br0 onlink"]);
        until_lines(
            "-6 route show proto 82",
            &["2001:db8:5:1::/64 via fe80::5054:ff:fe00:10 dev br0 metric 1024 onlink pref medium"],
        );
        until_lines(
            "neigh show nud permanent",
            &[
                "198.51.100.64 dev br0 lladdr 52:54:00:00:00:10 PERMANENT proto 82",
                "fe80::5054:ff:fe00:10 dev br0 lladdr 52:54:00:00:00:10 PERMANENT proto 82",
            ],
        );
    }

    fn nothing_is_removed_and_no_packet_led_elsewhere_before_all_vms_are_known() {
        let kernel = placed();
        all_is_there();
        kernel.end();
        // The next agent knows nothing yet.
        let mut kernel = Kernel::start();
        kernel.want("198.51.100.20", here("vnet0", "52:54:00:00:00:20", Standing::Executes));
        kernel.until("198.51.100.20", StandState::Placed);
        assert_eq!(lines("-4 route show 198.51.100.10"), ["198.51.100.10 dev br0 proto 82 scope link"]);
        assert_eq!(lines("rule show priority 82").len(), 1);
        // One VM is here and can't be asked about; of the other address nobody has said anything.
        kernel.want(V4, Want::Unclear);
        kernel.complete();
        until_lines("-6 route show proto 82", &NOTHING);
        assert_eq!(lines("-4 route show 198.51.100.10"), ["198.51.100.10 dev br0 proto 82 scope link"]);
        assert_eq!(lines("neigh show 198.51.100.10").len(), 1);
    }

    fn other_tables_numbers_and_priorities_are_used_as_configured() {
        host();
        tap("vnet0");
        let mut kernel = Kernel::start_with(", protocol: 77, table: 400, transit_table: 401, rule_priority: 40");
        kernel.complete();
        kernel.want(V4, here("vnet0", MAC, Standing::Executes));
        kernel.until(V4, StandState::Placed);
        until_lines("-4 route show table 400", &["198.51.100.10 dev br0 proto 77 scope link"]);
        until_lines("-4 route show table 401", &["198.51.100.10 dev br0 proto 77 scope link", "blackhole 198.51.0.0/16 proto 77"]);
        until_lines("rule show priority 40", &["40:\tfrom all iif uplink lookup 401 proto 77"]);
    }

    fn what_makes_migrations_stall_is_told_with_the_remedy() {
        let mut kernel = placed();
        for (path, value) in [
            ("ipv4/conf/br0/send_redirects", "1"),
            ("ipv4/conf/uplink/rp_filter", "1"),
            ("ipv4/conf/br0/forwarding", "0"),
            ("ipv6/conf/br0/forwarding", "1"),
            ("ipv6/conf/uplink/forwarding", "1"),
        ] {
            std::fs::write(format!("/proc/sys/net/{path}"), value).expect("there is such a setting");
        }
        ip("addr add fe80::1/64 dev br0 nodad");
        // Another interface with VMs: it is looked again.
        tap("vnet1");
        kernel.want("198.51.100.20", here("vnet1", "52:54:00:00:00:20", Standing::Executes));
        let due = [
            "send_redirects is on for br0",
            "rp_filter is strict on uplink",
            "does not forward IPv4 from uplink, br0:",
            "ip addr add 169.254.1.1/32 dev br0",
            "host_routes.gateway.mac is not set",
            "2 taps keep fewer than 10000 packets",
        ];
        let not_due = ["fe80::1", "forward IPv6", "allowed_prefixes"];
        until("the warnings are told", || {
            kernel.hear();
            let warnings = &kernel.overall.warnings;
            let has = |words: &&str| warnings.iter().any(|warning| warning.contains(words));
            let right = due.iter().all(has) && !not_due.iter().any(has);
            if right { Ok(()) } else { Err(format!("{warnings:#?}")) }
        });
    }
}
