//! The agent's end of the link, with a relay and an ExaBGP that are played here.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::unbounded_channel;

use super::*;
use crate::config::Transport;
use crate::exabgp::{Lines, ServiceIps};
use crate::link::{Held, Keep, PROTOCOL, ToRelay, Welcome};
use crate::plan::Step;
use crate::route::{Asn, AttributeOverrides, Ladder, Mark, NextHop, Prefix, Route, Rung};
use crate::vm::VmName;

const PATIENCE: Duration = Duration::from_secs(10);

fn mark() -> Mark {
    Mark { local_as: Asn::new(65_101).unwrap(), mark: 82 }
}

fn route(rung: Rung) -> Route {
    let none = AttributeOverrides::default();
    let ladder = Ladder::new(mark(), 3, &Default::default()).unwrap();
    let on = |rung| Arc::new(ladder.attributes(rung, &none, &none));
    Route {
        prefix: "198.51.100.10".parse().unwrap(),
        vm: VmName::new("web-1"),
        rung,
        next_hop: NextHop::Own,
        attributes: on(rung),
        unsure: (rung < Rung::Unsure).then(|| on(Rung::Unsure)),
        settled: (rung == Rung::Arrived).then(|| on(Rung::Active)),
    }
}

/// The agent's two channels, and where it listens.
struct Agent {
    folder: PathBuf,
    orders: UnboundedSender<Order>,
    reports: UnboundedReceiver<Report>,
}

impl Agent {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("roamd-link-{name}-{}", std::process::id()));
        std::fs::create_dir(&folder).unwrap();
        let (orders, orders_out) = unbounded_channel();
        let (reports_in, reports) = unbounded_channel();
        let settings = Settings {
            transport: Transport::Relay,
            local_as: mark().local_as,
            mark: mark(),
            neighbors: BTreeSet::new(),
            service_ips: ServiceIps::default(),
            own_next_hop_v4: true,
            own_next_hop_v6: false,
            next_hop_v4: None,
            next_hop_v6: None,
            ack_timeout: Settings::ACK_TIMEOUT,
            epoch: None,
            socket: folder.join("sock"),
            socket_group: None,
            lease: Duration::from_secs(60),
            libvirt_lease: Duration::from_secs(60),
        };
        spawn(settings, orders_out, reports_in).unwrap();
        Self { folder, orders, reports }
    }

    /// The next report that `wanted` takes.
    async fn report<T>(&mut self, mut wanted: impl FnMut(Report) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.reports.recv().await.expect("the transport lives")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("the report comes in time")
    }

    /// Waits for the table: its epoch, and the ledger.
    async fn ready(&mut self) -> (Option<String>, BTreeMap<Prefix, Option<Rung>>) {
        self.report(|report| match report {
            Report::Ready { epoch, ledger, .. } => Some((epoch, ledger)),
            Report::Settled { .. }
            | Report::InDoubt { .. }
            | Report::Lost { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Unwatched { .. }
            | Report::Gone { .. } => None,
        })
        .await
    }

    async fn lost(&mut self) -> String {
        self.report(|report| match report {
            Report::Lost { reason, .. } => Some(reason),
            Report::Ready { .. }
            | Report::Settled { .. }
            | Report::InDoubt { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Unwatched { .. }
            | Report::Gone { .. } => None,
        })
        .await
    }

    async fn relay(&self, hello: &str) -> Relay {
        let stream = UnixStream::connect(self.folder.join("sock")).await.unwrap();
        let mut relay = Relay { stream, lines: Lines::default(), heard: VecDeque::new() };
        assert!(matches!(
            relay.hear().await,
            ToRelay::Welcome(Welcome { protocol: PROTOCOL, lease_ms: 60_000, silence_ms: Some(3_000) })
        ));
        relay.write(&format!("{hello}\n")).await;
        relay
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

const HELLO: &str = r#"{"hello":{"protocol":1,"pid":7,"epoch":"41-1000-boot"}}"#;

/// A relay, and the ExaBGP behind it, which has one neighbor, up, that waits for End-of-RIB.
struct Relay {
    stream: UnixStream,
    lines: Lines,
    heard: VecDeque<ToRelay>,
}

impl Relay {
    async fn write(&self, text: &str) {
        let mut bytes = text.as_bytes();
        while !bytes.is_empty() {
            self.stream.writable().await.unwrap();
            match self.stream.try_write(bytes) {
                Ok(length) => bytes = &bytes[length..],
                Err(error) => assert!(is_passing(&error), "{error}"),
            }
        }
    }

    async fn say(&self, message: ToAgent) {
        let mut bytes = Vec::new();
        link::encode(&message, &mut bytes);
        self.write(std::str::from_utf8(&bytes).unwrap()).await;
    }

    /// The agent's next message.
    async fn hear(&mut self) -> ToRelay {
        let mut buffer = [0; 4_096];
        while self.heard.is_empty() {
            tokio::time::timeout(PATIENCE, self.stream.readable()).await.unwrap().unwrap();
            match self.stream.try_read(&mut buffer) {
                Ok(0) => panic!("the agent closed the link"),
                Ok(length) => {
                    let heard = &mut self.heard;
                    self.lines.feed(&buffer[..length], |line| {
                        heard.push_back(link::decode(line.unwrap()).unwrap());
                    });
                }
                Err(error) => assert!(is_passing(&error), "{error}"),
            }
        }
        self.heard.pop_front().unwrap()
    }

    /// Answers commands until one of them ends with `last`; gives everything heard, commands line by line.
    async fn serve(&mut self, last: &str) -> Vec<ToRelay> {
        let mut heard = Vec::new();
        loop {
            let message = self.hear().await;
            let ToRelay::Commands(text) = message else {
                heard.push(message);
                continue;
            };
            for line in text.lines() {
                let answer: &[&str] = match line {
                    "version" => &["exabgp 4.2.21"],
                    "show neighbor summary" => &[
                        "Peer            AS        up/down state       |     #sent     #recvd",
                        "10.255.0.2      65000     0:00:03 established           5          2",
                        "done",
                    ],
                    "show neighbor configuration" => &[
                        "neighbor 10.255.0.2 {",
                        "  local-as 65101;",
                        "  peer-as 65000;",
                        "  manual-eor true;",
                        "    ipv4 unicast;",
                        "    processes [ roamd ];",
                        "}",
                        "",
                        "done",
                    ],
                    _ => &["done"],
                };
                for line in answer {
                    self.say(ToAgent::Line((*line).to_owned())).await;
                }
                heard.push(ToRelay::Commands(line.to_owned()));
            }
            if text.trim_end().ends_with(last) {
                return heard;
            }
        }
    }
}

#[tokio::test]
async fn the_ledger_hears_of_a_route_before_exabgp_does_and_of_its_end_when_it_is_ordered() {
    let mut agent = Agent::new("order");
    let mut relay = agent.relay(HELLO).await;
    let [standing, strange, leaving]: [Prefix; 3] =
        ["198.51.100.77", "198.51.100.78", "198.51.100.79"].map(|address| address.parse().unwrap());
    let entries = [(standing, Some(1)), (strange, Some(9)), (leaving, None)];
    let entries = entries.map(|(prefix, rung)| Held { prefix, rung, willed: false });
    relay.say(ToAgent::Holds(entries.into())).await;
    relay.serve("show adj-rib out extensive").await;
    let ledger =
        BTreeMap::from([(standing, Some(Rung::Active)), (strange, Some(Rung::Unsure)), (leaving, None)]);
    assert_eq!(agent.ready().await, (Some("41-1000-boot".to_owned()), ledger));

    let route = route(Rung::Active);
    agent.orders.send(Order::Do(vec![Step::Announce(route.clone())])).unwrap();
    let heard = relay.serve("").await;
    let [ToRelay::Keep(keep), ToRelay::Commands(line)] = &heard[..] else { panic!("{heard:?}") };
    assert!(line.starts_with("announce route 198.51.100.10/32 next-hop self"), "{line}");
    assert!(line.contains("large-community [ 65101:82:1 ]"), "{line}");
    assert_eq!((keep.prefix, keep.rung), (route.prefix, Some(1)));
    let [will] = &keep.will[..] else { panic!("{keep:?}") };
    assert!(will.starts_with("announce route 198.51.100.10/32 next-hop self"), "{will}");
    assert!(will.contains("med 200") && will.contains("large-community [ 65101:82:2 ]"), "{will}");

    // A withdraw's last will is the withdraw; forgotten is what the agent says.
    let step = Step::Withdraw { prefix: route.prefix, last: Some(route.clone()) };
    agent.orders.send(Order::Do(vec![step])).unwrap();
    let heard = relay.serve("").await;
    let [ToRelay::Keep(Keep { rung: None, will, .. }), ToRelay::Commands(line)] = &heard[..] else {
        panic!("{heard:?}")
    };
    assert_eq!(will[..], [line.as_str()]);
    agent.orders.send(Order::Forget(vec![route.prefix])).unwrap();
    agent.orders.send(Order::Heartbeat { vouches: true }).unwrap();
    assert_eq!(relay.hear().await, ToRelay::Forget(route.prefix));
    let heartbeat = ToRelay::Heartbeat { lease_ms: 60_000, unwatched: false, libvirt_lease_ms: Some(60_000) };
    assert_eq!(relay.hear().await, heartbeat);
}

#[tokio::test]
async fn a_route_that_is_unsure_or_below_is_to_stay_and_a_found_one_is_kept() {
    let mut agent = Agent::new("will");
    let mut relay = agent.relay(HELLO).await;
    relay.serve("show adj-rib out extensive").await;
    agent.ready().await;
    agent.orders.send(Order::Keep(vec![route(Rung::Leaving), route(Rung::Arrived)])).unwrap();
    for (rung, will) in [(4, "65101:82:4"), (0, "65101:82:2")] {
        let heard = relay.hear().await;
        let ToRelay::Keep(keep) = heard else { panic!("{heard:?}") };
        assert_eq!((keep.rung, keep.will.len()), (Some(rung), 1));
        assert!(keep.will[0].contains(will), "{keep:?}");
    }
}

#[tokio::test]
async fn end_of_rib_goes_behind_what_was_ordered_to_those_who_wait_for_it() {
    let mut agent = Agent::new("eor");
    let mut relay = agent.relay(HELLO).await;
    relay.serve("show adj-rib out extensive").await;
    agent.ready().await;
    let to = ["10.255.0.2", "10.255.0.9"].map(|address| address.parse().unwrap());
    agent.orders.send(Order::Do(vec![Step::Announce(route(Rung::Active))])).unwrap();
    agent.orders.send(Order::EndOfRib(to.into())).unwrap();
    agent.orders.send(Order::Do(vec![Step::Announce(route(Rung::Leaving))])).unwrap();
    let mut commands = Vec::new();
    while commands.len() < 3 {
        for message in relay.serve("").await {
            if let ToRelay::Commands(line) = message {
                commands.push(line);
            }
        }
    }
    assert!(commands[0].contains("65101:82:1"), "{commands:?}");
    assert_eq!(commands[1], "neighbor 10.255.0.2 announce eor ipv4 unicast");
    assert!(commands[2].contains("65101:82:4"), "{commands:?}");
}

#[tokio::test]
async fn the_newest_relay_wins_and_without_one_exabgp_is_lost() {
    let mut agent = Agent::new("newest");
    let mut first = agent.relay(HELLO).await;
    first.serve("show adj-rib out extensive").await;
    agent.ready().await;
    let mut second = agent.relay(&HELLO.replace("1000", "2000")).await;
    assert_eq!(agent.lost().await, "another relay has taken its place");
    second.serve("show adj-rib out extensive").await;
    assert_eq!(agent.ready().await.0.as_deref(), Some("41-2000-boot"));
    drop(second);
    assert!(agent.lost().await.contains("has ended"));
    // What is ordered meanwhile is in doubt already; the next relay begins anew.
    agent.orders.send(Order::Do(vec![Step::Announce(route(Rung::Active))])).unwrap();
    let mut third = agent.relay(HELLO).await;
    third.serve("show adj-rib out extensive").await;
    agent.ready().await;
}

#[tokio::test]
async fn a_stranger_who_says_nothing_does_not_disturb_and_another_release_is_refused_in_words() {
    let mut agent = Agent::new("stranger");
    let _silent = UnixStream::connect(agent.folder.join("sock")).await.unwrap();
    let _newer = agent.relay(r#"{"hello":{"protocol":2,"id":"another kind"}}"#).await;
    let reason = agent.lost().await;
    assert!(reason.contains("different releases"), "{reason}");
    let mut relay = agent.relay(HELLO).await;
    relay.serve("show adj-rib out extensive").await;
    agent.ready().await;
}
