//! An agent that only looks at what is reported to it.

use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::libvirt::{Report, Requests, Settings, start};
use crate::vm::{Sighting, Uuid};

/// Longer than anything here takes on a busy machine.
pub(in crate::libvirt) const PATIENCE: Duration = Duration::from_secs(30);

/// Settings under which nothing happens by the clock within a test; change what the test is about.
pub(in crate::libvirt) fn settings(uri: &str) -> Settings {
    let hour = Duration::from_secs(3600);
    Settings {
        uri: uri.to_owned(),
        read_write: false,
        resync: hour,
        settle: hour,
        open_deadline: PATIENCE,
        keep_alive_seconds: 5,
        keep_alive_count: 3,
    }
}

pub(in crate::libvirt) struct Follower {
    pub(in crate::libvirt) requests: Requests,
    reports: mpsc::Receiver<Report>,
    runtime: Runtime,
}

impl Follower {
    pub(in crate::libvirt) fn start(settings: Settings, capacity: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sender, reports) = mpsc::channel(capacity);
        Self { requests: start(settings, sender).unwrap(), reports, runtime }
    }

    /// The next report; fails when none comes.
    pub(in crate::libvirt) fn next(&mut self) -> Report {
        self.receive(PATIENCE).expect("a report within the time").expect("the threads still run")
    }

    /// What comes next that is no list, which may come at any time.
    pub(in crate::libvirt) fn next_but_lists(&mut self) -> Report {
        self.until(|report| (!matches!(report, Report::Listed { .. })).then(|| report.clone()))
    }

    /// The first answer that `pick` gives to a report.
    pub(in crate::libvirt) fn until<T>(&mut self, pick: impl Fn(&Report) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if let Some(picked) = pick(&self.next()) {
                return picked;
            }
            assert!(Instant::now() < deadline, "the report that is waited for did not come");
        }
    }

    /// Whatever comes within this time; `None` if nothing does.
    pub(in crate::libvirt) fn within(&mut self, time: Duration) -> Option<Report> {
        self.receive(time)?
    }

    pub(in crate::libvirt) fn connected(&mut self) -> u64 {
        self.until(|report| match report {
            Report::Connected { connection, .. } => Some(*connection),
            _ => None,
        })
    }

    /// The next list, sorted by uuid, with its connection and the time of asking.
    pub(in crate::libvirt) fn listed(&mut self) -> (u64, Instant, Vec<Sighting>) {
        self.until(|report| match report {
            Report::Listed { connection, asked_at, vms } => {
                let mut vms = vms.clone();
                vms.sort_by_key(|vm| vm.uuid);
                Some((*connection, *asked_at, vms))
            }
            _ => None,
        })
    }

    pub(in crate::libvirt) fn disconnected(&mut self) -> String {
        self.until(|report| match report {
            Report::Disconnected { error, .. } => Some(error.clone()),
            _ => None,
        })
    }

    /// Drops the handle and reads until all senders are gone, and so all threads of this supervisor.
    pub(in crate::libvirt) fn end(self) {
        let Self { requests, mut reports, runtime } = self;
        let began = Instant::now();
        drop(requests);
        assert!(began.elapsed() < Duration::from_secs(1), "dropping the handle must not wait");
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async { while reports.recv().await.is_some() {} })
                .await
                .expect("the threads end");
        });
    }

    /// Drops the receiver, keeps the handle.
    pub(in crate::libvirt) fn stop_listening(self) -> Requests {
        self.requests
    }

    fn receive(&mut self, time: Duration) -> Option<Option<Report>> {
        let Self { reports, runtime, .. } = self;
        runtime.block_on(async { tokio::time::timeout(time, reports.recv()).await.ok() })
    }
}

/// Waits until `condition` holds.
pub(in crate::libvirt) fn eventually(what: &str, condition: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(in crate::libvirt) fn uuid(number: u128) -> Uuid {
    Uuid::from_u128(number)
}
