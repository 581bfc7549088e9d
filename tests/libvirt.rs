//! `roamd::libvirt` through its public face, on the test driver that all connections of one process share.
//!
//! One test only, because it is the only user of `test:///default` in this process.

use std::time::{Duration, Instant};

use roamd::config;
use roamd::libvirt::{Answer, Report, Request, Requests, spawn};
use roamd::vm::{
    Lifecycle, LifecycleKind, PausedReason, ResumedDetail, RunningReason, ShutoffReason, Sighting,
    StartedDetail, StoppedDetail, SuspendedDetail, UndefinedDetail, Uuid, VmName, VmState,
};
use tokio::sync::mpsc;
use virt::connect::Connect;
use virt::domain::Domain;
use virt::error::Error;

/// Longer than anything here takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

type Action = fn(&Domain) -> Result<(), Error>;

struct Agent {
    requests: Requests,
    reports: mpsc::Receiver<Report>,
}

impl Agent {
    async fn next(&mut self) -> Report {
        let report = tokio::time::timeout(PATIENCE, self.reports.recv()).await;
        report.expect("a report within the time").expect("the threads still run")
    }

    /// The next report that is no list: on a slow machine the second list of the connection comes in between.
    async fn next_but_lists(&mut self) -> Report {
        loop {
            let report = self.next().await;
            if !matches!(report, Report::Listed { .. }) {
                return report;
            }
        }
    }

    /// The next report, which must be an event.
    async fn event(&mut self) -> Lifecycle {
        let report = self.next_but_lists().await;
        let Report::Event { connection: 1, event } = report else {
            panic!("expected an event, got {report:?}");
        };
        event
    }

    /// Asks for a look; the next report must be its answer.
    async fn look(&mut self, uuid: Uuid) -> Answer {
        let before = Instant::now();
        self.requests.ask(Request::Look(uuid));
        let report = self.next_but_lists().await;
        let Report::Looked { connection: 1, uuid: about, asked_at, answer } = report else {
            panic!("expected the answer to the look, got {report:?}");
        };
        assert!(about == uuid && asked_at >= before);
        answer
    }
}

#[tokio::test]
async fn what_an_operator_does_to_a_domain_is_followed_event_by_event() {
    let settings = config::Libvirt {
        uri: "test:///default".to_owned(),
        read_write: false,
        resync: Duration::from_secs(3600),
        lease: Duration::from_secs(60),
    };
    let (sender, reports) = mpsc::channel(64);
    let mut agent = Agent { requests: spawn(&settings, false, sender).unwrap(), reports };

    let first = agent.next().await;
    assert!(matches!(first, Report::Connected { connection: 1, .. }), "{first:?}");
    let second = agent.next().await;
    let Report::Listed { connection: 1, vms, .. } = second else { panic!("expected a list, got {second:?}") };
    assert_eq!(vms.len(), 1);
    assert_eq!(vms[0].name.as_str(), "test");
    assert!(matches!(vms[0].state, VmState::Running(_)), "{}", vms[0].state);

    let connect = Connect::open(Some("test:///default")).unwrap();
    let domain = connect.lookup_domain_by_name("test").unwrap();
    let actions: [(Action, LifecycleKind, Option<VmState>); 6] = [
        (
            Domain::suspend,
            LifecycleKind::Suspended(SuspendedDetail::Paused),
            Some(VmState::Paused(PausedReason::User)),
        ),
        (
            Domain::resume,
            LifecycleKind::Resumed(ResumedDetail::Unpaused),
            Some(VmState::Running(RunningReason::Unpaused)),
        ),
        (
            Domain::destroy,
            LifecycleKind::Stopped(StoppedDetail::Destroyed),
            Some(VmState::Shutoff(ShutoffReason::Destroyed)),
        ),
        (
            Domain::create,
            LifecycleKind::Started(StartedDetail::Booted),
            Some(VmState::Running(RunningReason::Booted)),
        ),
        (
            Domain::destroy,
            LifecycleKind::Stopped(StoppedDetail::Destroyed),
            Some(VmState::Shutoff(ShutoffReason::Destroyed)),
        ),
        (Domain::undefine, LifecycleKind::Undefined(UndefinedDetail::Removed), None),
    ];
    let uuid = vms[0].uuid;
    for (act, kind, state) in actions {
        let before = Instant::now();
        act(&domain).unwrap();
        let event = agent.event().await;
        assert_eq!((event.uuid, event.name.as_str(), event.kind), (uuid, "test", kind));
        assert!(event.at >= before && event.at <= Instant::now());
        let expected = state.map_or(Answer::Gone, |state| {
            Answer::Found(Sighting { uuid, name: VmName::new("test"), state, role: None })
        });
        assert_eq!(agent.look(uuid).await, expected);
    }

    let Agent { requests, mut reports } = agent;
    drop(requests);
    let rest = tokio::time::timeout(PATIENCE, reports.recv()).await.expect("the threads end");
    assert_eq!(rest, None);
}
