//! An agent that only looks at what is reported to it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;
use tokio::sync::mpsc;

use crate::libvirt::{Answer, Report, Request, Requests, Settings, start};
use crate::vm::{Lifecycle, Sighting, Uuid};

/// Longer than anything here takes on a busy machine.
pub(in crate::libvirt) const PATIENCE: Duration = Duration::from_secs(60);

/// Settings under which nothing happens by the clock within a test; change what the test is about.
pub(in crate::libvirt) fn settings(uri: &str) -> Settings {
    let hour = Duration::from_secs(3600);
    Settings {
        uri: uri.to_owned(),
        read_write: false,
        nics: true,
        resync: hour,
        settle: hour,
        open_deadline: PATIENCE,
        reconnect: Duration::from_millis(100),
        keep_alive_seconds: 5,
        keep_alive_count: 3,
    }
}

pub(in crate::libvirt) struct Follower {
    /// `None` once it is dropped.
    requests: Option<Requests>,
    reports: mpsc::Receiver<Report>,
    runtime: Runtime,
    /// Answers to looks that came while something else was waited for: their order among other reports is open.
    looks: VecDeque<(u64, Uuid, Answer)>,
}

impl Follower {
    pub(in crate::libvirt) fn start(settings: Settings, capacity: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let (sender, reports) = mpsc::channel(capacity);
        let looks = VecDeque::new();
        Self { requests: Some(start(settings, sender).unwrap()), reports, runtime, looks }
    }

    pub(in crate::libvirt) fn ask(&self, request: Request) {
        // Through a clone: one that is dropped is not the last.
        self.requests.clone().unwrap().ask(request);
    }

    /// Drops the last handle, which must not wait for anything.
    pub(in crate::libvirt) fn drop_handle(&mut self) {
        let began = Instant::now();
        self.requests = None;
        assert!(began.elapsed() < Duration::from_secs(1), "dropping the handle must not wait");
    }

    /// The next report; fails when none comes.
    pub(in crate::libvirt) fn next(&mut self) -> Report {
        self.within(PATIENCE).expect("a report within the time, from threads that still run")
    }

    /// The first answer that `pick` gives to a report.
    pub(in crate::libvirt) fn until<T>(&mut self, mut pick: impl FnMut(&Report) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let report = self.next();
            if let Some(picked) = pick(&report) {
                return picked;
            }
            if let Report::Looked { connection, uuid, answer, .. } = report {
                self.looks.push_back((connection, uuid, answer));
            }
            assert!(Instant::now() < deadline, "the report that is waited for did not come");
        }
    }

    /// Whatever comes within this time; `None` if nothing does, or nothing can any more.
    pub(in crate::libvirt) fn within(&mut self, time: Duration) -> Option<Report> {
        let Self { reports, runtime, .. } = self;
        runtime.block_on(async { tokio::time::timeout(time, reports.recv()).await.ok()? })
    }

    pub(in crate::libvirt) fn connected(&mut self) -> u64 {
        self.until(
            |report| {
                if let Report::Connected { connection, .. } = report { Some(*connection) } else { None }
            },
        )
    }

    /// The next list, sorted by uuid, with its connection and the time of asking.
    pub(in crate::libvirt) fn listed(&mut self) -> (u64, Instant, Vec<Sighting>) {
        self.until(|report| {
            let Report::Listed { connection, asked_at, vms } = report else { return None };
            let mut vms = vms.clone();
            vms.sort_by_key(|vm| vm.uuid);
            Some((*connection, *asked_at, vms))
        })
    }

    /// The next answer to a look, with its connection and uuid.
    pub(in crate::libvirt) fn looked(&mut self) -> (u64, Uuid, Answer) {
        if let Some(earlier) = self.looks.pop_front() {
            return earlier;
        }
        self.until(|report| {
            let Report::Looked { connection, uuid, answer, .. } = report else { return None };
            Some((*connection, *uuid, answer.clone()))
        })
    }

    /// The next event, with its connection.
    pub(in crate::libvirt) fn event(&mut self) -> (u64, Lifecycle) {
        self.until(|report| {
            let Report::Event { connection, event } = report else { return None };
            Some((*connection, event.clone()))
        })
    }

    pub(in crate::libvirt) fn disconnected(&mut self) -> String {
        self.until(
            |report| {
                if let Report::Disconnected { error, .. } = report { Some(error.clone()) } else { None }
            },
        )
    }

    /// Drops the handle and reads until all senders are gone, and so all threads of this supervisor.
    pub(in crate::libvirt) fn end(mut self) {
        self.drop_handle();
        let Self { mut reports, runtime, .. } = self;
        runtime.block_on(async {
            tokio::time::timeout(PATIENCE, async { while reports.recv().await.is_some() {} })
                .await
                .expect("the threads end");
        });
    }

    /// Drops the receiver, keeps the handle.
    pub(in crate::libvirt) fn stop_listening(self) -> Requests {
        self.requests.unwrap()
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
