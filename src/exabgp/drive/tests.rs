use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixStream;

use super::*;
use crate::config::Transport;
use crate::exabgp::{Outcome, sample};
use crate::plan::Step;
use crate::route::Attributes;

fn settings() -> Settings {
    sample::settings(Transport::Child, Duration::from_secs(20))
}

fn announce() -> Step {
    Step::Announce(sample::route("198.51.100.10".parse().unwrap(), Attributes::default()))
}

/// An ExaBGP that answers `steps` steps and then ends.
fn answer(stream: UnixStream, steps: usize) {
    let mut sink = stream.try_clone().unwrap();
    let mut left = steps;
    for line in BufReader::new(stream).lines() {
        let answer: &str = match line.unwrap().as_str() {
            "version" => "exabgp 4.2.21\ndone\n",
            "show neighbor summary" => {
                "Peer            AS        up/down state       |     #sent     #recvd\ndone\n"
            }
            "show neighbor configuration" => {
                "neighbor 10.0.0.1 {\n  local-as 65001;\n  peer-as 65000;\n  family {\n    ipv4 unicast;\n  }\n}\ndone\n"
            }
            "# roamd" | "show adj-rib out extensive" => "done\n",
            step => {
                assert!(step.starts_with("announce route "), "{step}");
                left -= 1;
                "done\n"
            }
        };
        sink.write_all(answer.as_bytes()).unwrap();
        if left == 0 {
            return;
        }
    }
}

async fn next(reports: &mut UnboundedReceiver<Report>) -> Report {
    tokio::time::timeout(Duration::from_secs(20), reports.recv()).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_order_goes_out_and_comes_back_settled_and_the_end_is_told() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let exabgp = thread::spawn(move || answer(theirs, 1));
    let (orders, from_agent) = unbounded_channel();
    let (to_agent, mut reports) = unbounded_channel();
    spawn(settings(), ours.try_clone().unwrap(), ours, from_agent, to_agent).unwrap();

    assert!(matches!(next(&mut reports).await, Report::Neighbor(_)));
    let ready = next(&mut reports).await;
    assert!(matches!(&ready, Report::Ready { table, .. } if table.is_empty()), "{ready:?}");
    orders.send(Order::Do(vec![announce()])).unwrap();
    let report = next(&mut reports).await;
    let Report::Settled { prefix, outcome, written_at, at } = report else { panic!("{report:?}") };
    assert_eq!((prefix, outcome), ("198.51.100.10".parse().unwrap(), Outcome::Acknowledged));
    assert!(written_at <= at);
    exabgp.join().unwrap();
    let gone = next(&mut reports).await;
    assert!(matches!(&gone, Report::Gone { reason } if reason.contains("end of file")), "{gone:?}");
    // Orders are taken and dropped.
    orders.send(Order::Do(vec![announce()])).unwrap();
    drop(orders);
    assert_eq!(tokio::time::timeout(Duration::from_secs(20), reports.recv()).await.unwrap(), None);
}

#[tokio::test]
async fn an_exabgp_that_reads_nothing_is_drained_all_the_same() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let (_orders, from_agent) = unbounded_channel();
    let (to_agent, mut reports) = unbounded_channel();
    spawn(settings(), ours.try_clone().unwrap(), ours, from_agent, to_agent).unwrap();
    let exabgp = thread::spawn(move || {
        let update = format!("{{ \"type\": \"update\", \"x\": \"{}\" }}\n", "x".repeat(1000));
        for _ in 0..5_000 {
            theirs.write_all(update.as_bytes()).unwrap();
        }
    });
    let gone = next(&mut reports).await;
    assert!(matches!(&gone, Report::Gone { .. }), "{gone:?}");
    exabgp.join().unwrap();
}
