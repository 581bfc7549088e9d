//! A session over ExaBGP's API, in real time.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::IpAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use roamd::config::Transport;
use roamd::exabgp::{
    FoundRoute, Lines, NeighborState, Order, Outcome, Reply, Report, ServiceIps, Session, Settings,
};
use roamd::plan::Step;
use roamd::route::Prefix;

use crate::bench::{MARK, OWN_AS, PATIENCE, logs};

fn settings(neighbors: &[&str]) -> Settings {
    Settings {
        transport: Transport::Child,
        local_as: OWN_AS,
        mark: MARK,
        neighbors: neighbors.iter().map(|address| address.parse().unwrap()).collect(),
        service_ips: ServiceIps::default(),
        own_next_hop_v4: false,
        own_next_hop_v6: false,
        next_hop_v4: None,
        next_hop_v6: None,
        ack_timeout: Settings::ACK_TIMEOUT,
        epoch: None,
        socket: PathBuf::new(),
        socket_group: None,
        lease: Duration::from_secs(60),
        libvirt_lease: Duration::from_secs(60),
    }
}

/// A session over ExaBGP's API, in real time.
pub(crate) struct Exchange {
    folder: PathBuf,
    settings: Settings,
    session: Session,
    pub(crate) stream: UnixStream,
    lines: Lines,
    /// Reports that nobody has asked for yet.
    reports: Vec<Report>,
    neighbors: BTreeMap<IpAddr, (u32, u32, NeighborState)>,
    /// Reasons of every doubt so far.
    pub(crate) doubts: Vec<String>,
}

impl Exchange {
    /// Begins a session with the ExaBGP at the other end of `stream`.
    pub(crate) fn begin(folder: &Path, stream: UnixStream, neighbors: &[&str]) -> Self {
        let settings = settings(neighbors);
        Self {
            folder: folder.to_owned(),
            session: Session::new(settings.clone(), Instant::now()),
            settings,
            stream,
            lines: Lines::default(),
            reports: Vec::new(),
            neighbors: BTreeMap::new(),
            doubts: Vec::new(),
        }
    }

    /// Reads, writes and lets time pass once.
    fn turn(&mut self) {
        let effects = self.session.effects();
        if !effects.write.is_empty() {
            self.stream.write_all(effects.write.as_bytes()).unwrap();
            self.session.written(effects.through, Instant::now());
        }
        for report in effects.reports {
            match &report {
                Report::Neighbor(neighbor) => {
                    let known = (neighbor.asn, neighbor.local_asn, neighbor.state);
                    self.neighbors.insert(neighbor.address, known);
                }
                Report::InDoubt { reason } => self.doubts.push(reason.clone()),
                Report::Ready { .. }
                | Report::Settled { .. }
                | Report::Wire(_)
                | Report::Unwatched { .. }
                | Report::Gone { .. }
                | Report::Lost { .. } => {}
            }
            self.reports.push(report);
        }
        self.stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.session.gone("end of file".to_owned()),
            Ok(length) => {
                let now = Instant::now();
                let session = &mut self.session;
                let read =
                    |line: Option<&[u8]>| session.reply(line.map_or(Reply::Garbage, Reply::parse), now);
                self.lines.feed(&buffer[..length], read);
            }
            // A wait that is bounded is interrupted by any signal, and by a stop of the machine (signal(7)).
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(error) => self.session.gone(error.to_string()),
        }
        self.session.tick(Instant::now());
    }

    /// Begins a new session over the same pipe, which reads the table again.
    pub(crate) fn again(&mut self) {
        self.session = Session::new(self.settings.clone(), Instant::now());
    }

    /// Lets the exchange go on until `reached`.
    pub(crate) fn until(&mut self, what: &str, reached: impl Fn(&Self) -> bool) {
        let end = Instant::now() + PATIENCE;
        while !reached(self) {
            let gone = self.reports.iter().find(|report| matches!(report, Report::Gone { .. }));
            assert!(gone.is_none(), "{gone:?} before {what}{}", logs(&self.folder));
            assert!(
                Instant::now() < end,
                "{what} was not reached; {:?} {:?}{}",
                self.neighbors,
                self.doubts,
                logs(&self.folder)
            );
            self.turn();
        }
    }

    /// The first report that `pick` takes; those before it are dropped.
    pub(crate) fn report<T>(&mut self, patience: Duration, pick: impl Fn(&Report) -> Option<T>) -> T {
        let end = Instant::now() + patience;
        loop {
            while !self.reports.is_empty() {
                if let Some(picked) = pick(&self.reports.remove(0)) {
                    return picked;
                }
            }
            assert!(
                Instant::now() < end,
                "the report did not come; doubts: {:?}{}",
                self.doubts,
                logs(&self.folder)
            );
            self.turn();
        }
    }

    /// Waits for the table.
    pub(crate) fn ready(&mut self) -> (Option<String>, Option<String>, Vec<FoundRoute>) {
        self.report(PATIENCE, |report| match report {
            Report::Ready { version, epoch, table, .. } => {
                Some((version.clone(), epoch.clone(), table.clone()))
            }
            Report::Gone { reason } => panic!("ExaBGP is gone: {reason}"),
            Report::Settled { .. }
            | Report::InDoubt { .. }
            | Report::Lost { .. }
            | Report::Neighbor(_)
            | Report::Wire(_)
            | Report::Unwatched { .. } => None,
        })
    }

    /// Orders steps and waits until all are settled.
    pub(crate) fn settle(&mut self, steps: Vec<Step>) -> Vec<(Prefix, Outcome)> {
        let count = steps.len();
        self.session.order(Order::Do(steps), Instant::now());
        let settled = |_| {
            self.report(PATIENCE, |report| match report {
                Report::Settled { prefix, outcome, written_at, at } => {
                    assert!(written_at <= at, "written after it was acknowledged");
                    Some((*prefix, outcome.clone()))
                }
                Report::InDoubt { reason } => panic!("in doubt: {reason}"),
                Report::Gone { reason } => panic!("ExaBGP is gone: {reason}"),
                Report::Ready { .. }
                | Report::Neighbor(_)
                | Report::Wire(_)
                | Report::Unwatched { .. }
                | Report::Lost { .. } => None,
            })
        };
        (0..count).map(settled).collect()
    }

    /// What was last reported of a neighbor.
    pub(crate) fn neighbor(&self, address: &str) -> Option<(u32, u32, NeighborState)> {
        self.neighbors.get(&address.parse().unwrap()).copied()
    }
}
