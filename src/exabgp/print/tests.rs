use std::io::{BufRead, BufReader, pipe};
use std::time::Duration;

use super::*;
use crate::config::Transport;
use crate::exabgp::{FoundRoute, sample};
use crate::route::{Attributes, Route};

fn settings() -> Settings {
    sample::settings(Transport::Print, Settings::ACK_TIMEOUT)
}

fn route() -> Route {
    let attributes = Attributes { med: 100, as_path_prepend: 1, ..Attributes::default() };
    sample::route("198.51.100.10".parse().unwrap(), attributes)
}

async fn next(reports: &mut UnboundedReceiver<Report>) -> Report {
    tokio::time::timeout(Duration::from_secs(20), reports.recv()).await.unwrap().unwrap()
}

async fn table(reports: &mut UnboundedReceiver<Report>) -> Vec<FoundRoute> {
    let report = next(reports).await;
    let Report::Ready { version: None, epoch: None, table, .. } = report else { panic!("{report:?}") };
    table
}

#[tokio::test]
async fn what_is_printed_is_acknowledged() {
    let (read, write) = pipe().unwrap();
    let (orders, from_agent) = unbounded_channel();
    let (to_agent, mut reports) = unbounded_channel();
    spawn_over(&settings(), write, from_agent, to_agent).unwrap();
    assert_eq!(table(&mut reports).await, []);

    orders.send(Order::Do(vec![Step::Announce(route())])).unwrap();
    let report = next(&mut reports).await;
    let Report::Settled { prefix, outcome: Outcome::Acknowledged, written_at, at } = report else {
        panic!("{report:?}")
    };
    assert_eq!((prefix, written_at), (route().prefix, at));
    let mut lines = BufReader::new(read).lines();
    assert_eq!(
        lines.next().unwrap().unwrap(),
        "announce route 198.51.100.10/32 next-hop self origin igp as-path [ 65001 65001 ] med 100 \
         local-preference 0"
    );

    orders.send(Order::Do(vec![Step::Withdraw { prefix: route().prefix, last: None }])).unwrap();
    assert!(matches!(next(&mut reports).await, Report::Settled { outcome: Outcome::Acknowledged, .. }));
    assert_eq!(lines.next().unwrap().unwrap(), "withdraw route 198.51.100.10/32");
}

#[tokio::test]
async fn a_closed_stdout_is_told() {
    let (read, write) = pipe().unwrap();
    drop(read);
    let (orders, from_agent) = unbounded_channel();
    let (to_agent, mut reports) = unbounded_channel();
    spawn_over(&settings(), write, from_agent, to_agent).unwrap();
    assert_eq!(table(&mut reports).await, []);
    orders.send(Order::Do(vec![Step::Announce(route())])).unwrap();
    let report = next(&mut reports).await;
    let Report::Gone { reason } = report else { panic!("{report:?}") };
    assert!(reason.contains("Broken pipe"), "{reason}");
}
