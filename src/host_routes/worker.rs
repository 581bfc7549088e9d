//! The thread that looks at the kernel and changes it, as the reconciler says.

use std::time::{Duration, Instant};

use tokio::sync::mpsc;
use tokio::time::timeout;
use tracing::{debug, info, trace, warn};

use super::checks;
use super::difference::Operation;
use super::entries::{Index, Kernel};
use super::facts;
use super::look;
use super::message;
use super::netlink::{KernelError, Monitor, Requests, Told};
use super::reconciler::{Change, Reconciler};
use super::{Order, Overall, Report, Settings};
use crate::chain::Chain;
use crate::timer::sleep_until;

/// How many operations are carried out before orders and changes have their turn again.
const AT_ONCE: usize = 4096;

/// How many datagrams of news are taken in at once.
const GATHERED: usize = 256;

/// The least time between two readings of what the checks are about, unless the interfaces with VMs are others.
const CHECK: Duration = Duration::from_secs(10);

/// How long after a socket was lost it is opened again.
const REOPEN: Duration = Duration::from_secs(1);

pub(super) struct Worker {
    reconciler: Reconciler,
    orders: mpsc::UnboundedReceiver<Order>,
    reports: mpsc::UnboundedSender<Report>,
    /// As it was told last.
    overall: Overall,
    /// Why the kernel could not be looked at.
    error: Option<String>,
    warnings: Vec<String>,
    checked: Option<(Instant, Vec<(Index, Index)>)>,
    cleared: bool,
    /// Whether there was more to be done than is done at once.
    more: bool,
    /// Whether something is known, or wanted, that was not when it was last worked out what is to be done and how all stands.
    fresh: bool,
}

/// The sockets of one life.
struct Sockets {
    requests: Requests,
    monitor: Monitor,
}

/// Nobody orders, or nobody listens any more.
struct Over;

impl Worker {
    pub(super) fn new(
        settings: Settings,
        orders: mpsc::UnboundedReceiver<Order>,
        reports: mpsc::UnboundedSender<Report>,
    ) -> Self {
        Self {
            reconciler: Reconciler::new(settings, Instant::now()),
            orders,
            reports,
            overall: Overall::default(),
            error: None,
            warnings: Vec::new(),
            checked: None,
            cleared: false,
            more: false,
            fresh: true,
        }
    }

    /// Runs until nobody orders or listens any more; a socket that fails is opened again.
    pub(super) async fn run(mut self) {
        loop {
            // The monitor is there before the first look: what changes after that must not be missed.
            let open = || {
                let requests = Requests::open()?;
                Ok(Sockets { monitor: Monitor::open(requests.port())?, requests })
            };
            let opened: Result<Sockets, KernelError> = open();
            let failed = match opened {
                Ok(mut sockets) => {
                    self.reconciler.changed(Change::Missed, Instant::now());
                    match self.serve(&mut sockets).await {
                        Ok(Over) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.failed(&failed);
            if self.tell().is_err() {
                return;
            }
            // Cancel-safe: a recv, whose order is taken, and a sleep.
            let again = Instant::now() + REOPEN;
            tokio::select! {
                () = sleep_until(Some(again)) => {}
                order = self.orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => return,
                },
            }
        }
    }

    async fn serve(&mut self, sockets: &mut Sockets) -> Result<Over, KernelError> {
        loop {
            let at = if self.more { Instant::now() } else { self.reconciler.look_at() };
            // Cancel-safe: each branch is a recv of a channel, one of a socket, or a sleep made anew. What the kernel tells
            // comes first, so that an order finds the interface that it names.
            tokio::select! {
                biased;
                told = sockets.monitor.next() => self.told(told?),
                order = self.orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => return Ok(Over),
                },
                () = sleep_until(Some(at)) => {}
            }
            // All of what is there already.
            for _ in 0..GATHERED {
                let Ok(told) = timeout(Duration::ZERO, sockets.monitor.next()).await else { break };
                self.told(told?);
            }
            while let Ok(order) = self.orders.try_recv() {
                self.order(order);
            }
            let began = Instant::now();
            let looks = self.reconciler.look_at() <= began;
            if looks {
                self.look(&mut sockets.requests).await?;
            }
            // What others do to routes and neighbours counts when it is looked at: until then all stands as it did.
            if !(looks || self.fresh || self.more) {
                continue;
            }
            self.fresh = false;
            let operations = self.carry_out(&mut sockets.requests).await?;
            if looks || operations > 0 {
                let took_us = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
                debug!(looked = looks, operations, took_us, "reconciled with the kernel");
            }
            self.check(&mut sockets.requests).await?;
            // How all stands is worked out anew each time: not between the parts of something large.
            if !self.more && self.tell().is_err() {
                return Ok(Over);
            }
        }
    }

    fn order(&mut self, order: Order) {
        self.reconciler.order(order, Instant::now());
        self.fresh = true;
    }

    fn told(&mut self, told: Vec<Told>) {
        let now = Instant::now();
        let protocol = self.reconciler.settings().protocol;
        for one in told {
            let change = match one {
                Told::Missed => Some(Change::Missed),
                Told::Message(message) => look::change(&message, protocol),
            };
            if let Some(change) = change {
                self.fresh |= matches!(change, Change::Link(..) | Change::LinkGone(_));
                self.reconciler.changed(change, now);
            }
        }
    }

    /// Looks at all that matters.
    async fn look(&mut self, requests: &mut Requests) -> Result<(), KernelError> {
        let began = Instant::now();
        let extent = self.reconciler.extent(began);
        match look::look(self.reconciler.settings(), extent, self.reconciler.kernel(), requests).await {
            Ok((kernel, whole)) => {
                if self.error.take().is_some() {
                    info!("rtnetlink answers again");
                }
                let now = Instant::now();
                self.reconciler.looked(kernel, extent, began, now);
                if !whole {
                    self.reconciler.changed(Change::Missed, now);
                }
                Ok(())
            }
            Err(error @ KernelError::Refused(..)) => {
                self.failed(&error);
                self.reconciler.not_looked(began, Instant::now());
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Carries out what is to be done, and says how much that was.
    async fn carry_out(&mut self, requests: &mut Requests) -> Result<usize, KernelError> {
        let operations = self.reconciler.operations(AT_ONCE);
        self.more = operations.len() == AT_ONCE;
        if operations.is_empty() {
            return Ok(0);
        }
        let protocol = self.reconciler.settings().protocol;
        let messages: Vec<_> =
            operations.iter().map(|operation| message::request(operation, protocol)).collect();
        let results = requests.carry_out(&messages).await?;
        let now = Instant::now();
        for (operation, result) in operations.iter().zip(results) {
            log(operation, self.reconciler.kernel());
            self.reconciler.done(operation, result, now);
        }
        Ok(operations.len())
    }

    /// Reads what the checks are about, where VMs are behind other interfaces than last time, and now and then.
    async fn check(&mut self, requests: &mut Requests) -> Result<(), KernelError> {
        let devices = self.reconciler.devices();
        let now = Instant::now();
        let is_due = self.checked.as_ref().is_none_or(|(at, last)| *last != devices || now >= *at + CHECK);
        if !is_due {
            return Ok(());
        }
        let addresses = look::addresses(requests).await?;
        let settings = self.reconciler.settings();
        let facts = facts::read(settings, self.reconciler.kernel(), &devices, &addresses);
        self.warnings = checks::warnings(&facts, settings.gateway);
        self.checked = Some((now, devices));
        Ok(())
    }

    fn failed(&mut self, error: &KernelError) {
        let words = Chain(error).to_string();
        if self.error.as_ref() != Some(&words) {
            warn!(error = %words, "the kernel's routes can't be looked at; it is tried again");
        }
        self.error = Some(words);
    }

    /// Reports what is new; `Err`: nobody listens.
    fn tell(&mut self) -> Result<(), Over> {
        let news = self.reconciler.news();
        if !news.is_empty() {
            self.send(Report::Stand(news))?;
        }
        let overall = Overall {
            error: self.error.clone().or_else(|| self.reconciler.failure()),
            conflicts: self.reconciler.conflicts(),
            repairs: self.reconciler.repairs(),
            warnings: self.warnings.clone(),
        };
        if overall != self.overall {
            self.overall = overall.clone();
            self.send(Report::Overall(overall))?;
        }
        if self.reconciler.is_cleared() && !self.cleared {
            self.cleared = true;
            self.send(Report::Cleared)?;
        }
        Ok(())
    }

    fn send(&self, report: Report) -> Result<(), Over> {
        self.reports.send(report).map_err(|_| Over)
    }
}

fn log(operation: &Operation, kernel: &Kernel) {
    match operation {
        Operation::AddRoute(key, target) => {
            trace!(prefix = %key.prefix, table = key.table, ?target, "route added");
        }
        Operation::RemoveRoute(key, _) => trace!(prefix = %key.prefix, table = key.table, "route removed"),
        Operation::SetNeighbor((index, address), mac) => {
            trace!(%address, device = ?kernel.links.name(*index), %mac, "neighbour set");
        }
        Operation::RemoveNeighbor((index, address)) => {
            trace!(%address, device = ?kernel.links.name(*index), "neighbour removed");
        }
        Operation::AddRule(rule) => {
            trace!(uplink = %rule.uplink, table = rule.table, ipv6 = rule.ipv6, "rule added");
        }
        Operation::RemoveRule(rule) => {
            trace!(uplink = %rule.uplink, table = rule.table, ipv6 = rule.ipv6, "rule removed");
        }
    }
}
