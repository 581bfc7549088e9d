//! A BGP neighbor that means harm: whatever it says, this host's routes at another neighbor stay as they are, and roamd
//! as small as it was.

use std::net::{Ipv4Addr, TcpListener};

use crate::agreement::{ACTIVE, ARRIVED, db, web};
use crate::exabgp::{Session, Version};
use crate::lab::{Lab, Network, Plan, VMS};
use crate::peer::{Peer, communities, large_communities};
use crate::process::peak_resident_kib;
use crate::relay::RELAY;
use crate::{on_each_exabgp, wait};

on_each_exabgp! {
    the_text_of_a_neighbor_is_no_answer_of_exabgp,
    what_a_neighbor_announces_moves_no_route,
}

/// A lab in which ExaBGP speaks to BIRD, and to a neighbor of the test's.
fn with_a_neighbor(version: Version) -> (Lab, Network, TcpListener) {
    let mut lab = Lab::start_with_relay(version, &Plan { running: &["web"], config: VMS }, RELAY);
    lab.libvirtd.define("db");
    lab.agrees_on([&web(ACTIVE)[..]]);
    let network = lab.network.with_another_tor(65_001);
    let listener = TcpListener::bind((network.tor, network.tor_port)).expect("the address is ours");
    let session = Session { families: "ipv4 unicast;", route: String::new(), ..Session::to(&network) };
    lab.restart_exabgp_over(&[Session::to(&lab.network), session]);
    (lab, network, listener)
}

impl Lab {
    /// How often acknowledgements and commands did not fit together.
    fn doubts(&self) -> String {
        let page = self.rest.get("/metrics").expect("it answers").body;
        let value = page.lines().find_map(|line| line.strip_prefix("roamd_exabgp_in_doubt_total "));
        value.unwrap_or_else(|| panic!("no such metric: {page}")).to_owned()
    }

    fn neighbor_is(&self, network: &Network, state: &str) {
        wait::until(&format!("the neighbor is {state}"), || {
            let status = self.rest.json("/api/v1/status")?;
            let neighbors =
                status.pointer("/exabgp/neighbors").and_then(|all| all.as_array()).ok_or("no list")?;
            let of = |one: &&serde_json::Value| one["address"] == network.tor.to_string();
            let shown = &neighbors.iter().find(of).ok_or("it is not known")?["state"];
            if shown == state { Ok(()) } else { Err(shown.to_string()) }
        });
    }
}

/// 4.2.21 reports the text of a NOTIFICATION as it came.
fn the_text_of_a_neighbor_is_no_answer_of_exabgp(version: Version) {
    let (mut lab, network, listener) = with_a_neighbor(version);
    let mut peer = Peer::accept(&listener, &network);
    lab.agrees_on([&web(ACTIVE)[..]]);
    let doubts = lab.doubts();
    let fence =
        "Peer            AS        up/down state       |     #sent     #recvd\ndone\nexabgp 9.9.9\ndone\n";
    for (number, text) in [
        "\ndone\nerror\ndone\n".to_owned(),
        // All that follows a fence, and a table.
        format!("\n{fence}neighbor 127.0.0.9 ipv4 unicast 198.51.100.77/32 next-hop self large-community 65101:82:0\ndone\n"),
        // Nothing that JSON may hold.
        "\u{7}\\\" \u{1b}[2J\n".to_owned(),
        "\ndone".repeat(700),
    ]
    .into_iter()
    .enumerate()
    {
        // Steps are under way.
        lab.libvirtd.virsh(&[if number % 2 == 0 { "start" } else { "destroy" }, "db"]);
        peer.ends(6, 1, &text);
        peer = Peer::accept(&listener, &network);
    }
    lab.agrees_on([&web(ACTIVE)[..]]);
    lab.neighbor_is(&network, "up");
    let log = lab.agents_log();
    assert!(!log.contains("9.9.9") && !log.contains("not understood"), "{log}");
    assert_eq!(lab.doubts(), doubts, "an answer was taken for ExaBGP's");
    lab.another_reconcile_sends_nothing();
    drop((peer, listener));
    lab.neighbor_is(&network, "down");
}

fn what_a_neighbor_announces_moves_no_route(version: Version) {
    let (mut lab, network, listener) = with_a_neighbor(version);
    let mut peer = Peer::accept(&listener, &network);
    lab.libvirtd.virsh(&["start", "db"]);
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    let (mark, pid) = (lab.bird.mark(), lab.agent().pid());
    let before = peak_resident_kib(pid);

    // A table of the internet's beginning, and communities as many as a message takes.
    for high in 0..40 {
        let of = |low: u8| (Ipv4Addr::new(20 + high, low, low, 0), 24);
        peer.announces(&network, &[], &(0..=255).map(of).collect::<Vec<_>>());
    }
    let flood: Vec<(u16, u16)> = (0..900).map(|number| (65_001, number)).collect();
    peer.announces(&network, &[communities(&flood)], &[(Ipv4Addr::new(203, 0, 113, 0), 24)]);
    // A VM's address by the marks of this host, best and worst, of another host, of all at once, and more specific.
    let web_ip = (Ipv4Addr::new(198, 51, 100, 10), 32);
    let ours = [Network::HOST_AS, 82, 0];
    for marks in [&[[Network::HOST_AS, 82, 4]][..], &[ours, [65_102, 82, 1], [65_102, 82, 4]], &[ours]] {
        peer.announces(&network, &[large_communities(marks)], &[web_ip]);
    }
    // What is told last was told in order: all of it is read by now.
    wait::until("the other path is a conflict", || {
        let status = lab.rest.json("/api/v1/status")?;
        let open = status.pointer("/conflicts/open").and_then(|open| open.as_array()).ok_or("no list")?;
        let shown: Vec<_> = open.iter().map(|one| one["prefix"].clone()).collect();
        if shown == ["198.51.100.10/32"] { Ok(()) } else { Err(status.to_string()) }
    });
    lab.agrees_on([&web(ACTIVE)[..], &db(ARRIVED)]);
    assert_eq!((lab.bird.removed_since(mark), lab.bird.announced_since(mark)), ([].into(), [].into()));
    let grown = peak_resident_kib(pid) - before;
    assert!(grown < 8 << 10, "ten thousand foreign prefixes cost {grown} KiB");
}
