//! Ties a session to a source of bytes and a sink: a reader thread that always drains ExaBGP, a writer thread that
//! a blocked ExaBGP may block, and one task between them that never blocks.
//!
//! ExaBGP stops all BGP while its child's pipe is full (measured: after 12,975 unread acknowledgements the hold
//! time runs out and every route is lost). So the reader's queue is unbounded; what it holds is small, since
//! lines are parsed in the thread, and of the UPDATEs that neighbors send those that are about no VM end there.

use std::io::{self, Read, Write};
use std::sync::mpsc as blocking;
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tracing::{info, trace, warn};

use super::reply::Reply;
use super::session::{Effects, Notice, Session};
use super::{Lines, Order, Report, ServiceIps, Settings};

/// What the threads tell the task.
#[derive(Debug)]
pub(super) enum Event {
    /// A line of ExaBGP's.
    Reply(Reply, Instant),
    /// Written up to this number.
    Written(u64, Instant),
    /// The other side is gone.
    Ended(String),
}

/// Something to write, with the number of its last line.
pub(super) type Batch = (String, u64);

/// Runs a session over `source` and `sink` until ExaBGP or the agent is gone.
pub(super) fn spawn(
    settings: Settings,
    source: impl Read + Send + 'static,
    sink: impl Write + Send + 'static,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    let (events, from_threads) = unbounded_channel();
    let batches = writer(sink, events.clone())?;
    reader(source, settings.service_ips.clone(), events)?;
    tokio::spawn(exchange(settings, batches, from_threads, orders, reports));
    Ok(())
}

/// Starts the thread that writes; batches that wait together are written in one call.
pub(super) fn writer(
    mut sink: impl Write + Send + 'static,
    events: UnboundedSender<Event>,
) -> io::Result<blocking::Sender<Batch>> {
    let (batches, waiting) = blocking::channel::<Batch>();
    thread::Builder::new().name("exabgp-writer".to_owned()).spawn(move || {
        while let Ok((mut text, mut through)) = waiting.recv() {
            for (more, number) in waiting.try_iter() {
                text.push_str(&more);
                through = number;
            }
            let event = match sink.write_all(text.as_bytes()).and_then(|()| sink.flush()) {
                Ok(()) => Event::Written(through, Instant::now()),
                Err(error) => Event::Ended(format!("commands can't be written: {error}")),
            };
            let ended = matches!(event, Event::Ended(_));
            if events.send(event).is_err() || ended {
                return;
            }
        }
    })?;
    Ok(batches)
}

/// Starts the thread that reads and parses.
fn reader(
    mut source: impl Read + Send + 'static,
    service_ips: ServiceIps,
    events: UnboundedSender<Event>,
) -> io::Result<()> {
    let concerns = move |reply: &Reply| match reply {
        Reply::Event => false,
        Reply::Update(update) => update.concerns(&service_ips),
        Reply::Done
        | Reply::Error
        | Reply::State(_)
        | Reply::ShuttingDown
        | Reply::JsonAnswer
        | Reply::Version(_)
        | Reply::SummaryHeader
        | Reply::SummaryRow(..)
        | Reply::Configuration(_)
        | Reply::Row(_)
        | Reply::OtherRow
        | Reply::InProgress
        | Reply::Garbage => true,
    };
    let read = move || {
        let mut lines = Lines::default();
        let mut buffer = vec![0; 1 << 16];
        let reason = loop {
            match source.read(&mut buffer) {
                Ok(0) => break "end of file from ExaBGP".to_owned(),
                Ok(length) => lines.feed(&buffer[..length], |line| {
                    let reply = line.map_or(Reply::Garbage, Reply::parse);
                    if concerns(&reply) {
                        // Without a task to hear it ExaBGP is drained all the same.
                        let _ = events.send(Event::Reply(reply, Instant::now()));
                    }
                }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break format!("replies can't be read: {error}"),
            }
        };
        // A task that has ended needs no word of it.
        let _ = events.send(Event::Ended(reason));
    };
    thread::Builder::new().name("exabgp-reader".to_owned()).spawn(read)?;
    Ok(())
}

async fn exchange(
    settings: Settings,
    batches: blocking::Sender<Batch>,
    mut events: UnboundedReceiver<Event>,
    mut orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) {
    let mut session = Session::new(settings, Instant::now());
    loop {
        if !apply(session.effects(), &batches, &reports) {
            return;
        }
        let deadline = session.deadline();
        let alarm = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        // Cancel-safe: both `recv`s and `sleep_until` lose nothing when another branch wins.
        tokio::select! {
            // What ExaBGP has already said comes first: it may settle what an order would wait for.
            biased;
            Some(event) = events.recv() => hear(&mut session, event),
            order = orders.recv() => match order {
                Some(order) => session.order(order, Instant::now()),
                None => return,
            },
            () = tokio::time::sleep_until(alarm.into()) => session.tick(Instant::now()),
        }
        // What is ready together is written together.
        while let Ok(event) = events.try_recv() {
            hear(&mut session, event);
        }
        while let Ok(order) = orders.try_recv() {
            session.order(order, Instant::now());
        }
    }
}

fn hear(session: &mut Session, event: Event) {
    match event {
        Event::Reply(reply, at) => session.reply(reply, at),
        Event::Written(through, at) => session.written(through, at),
        Event::Ended(reason) => session.gone(reason),
    }
}

/// `false` when the agent is gone.
fn apply(effects: Effects, batches: &blocking::Sender<Batch>, reports: &UnboundedSender<Report>) -> bool {
    // There is no relay to keep anything.
    let Effects { keeps: _, write, through, reports: new, notices } = effects;
    if !write.is_empty() {
        // A writer that has ended has said so by an event.
        let _ = batches.send((write, through));
    }
    notices.into_iter().for_each(log);
    new.into_iter().all(|report| {
        trace!(?report, "ExaBGP");
        reports.send(report).is_ok()
    })
}

pub(super) fn log(notice: Notice) {
    match notice {
        Notice::GarbageBegan => warn!("ExaBGP sends lines that are not understood; they are dropped"),
        Notice::GarbageEnded(lines) => info!(lines, "ExaBGP's table was read in spite of garbage"),
        Notice::ShuttingDown => info!("ExaBGP is shutting down"),
        Notice::AmbiguousNeighbors => warn!(
            "ExaBGP gives some neighbors to other API processes and does not tell which is roamd's; name roamd's \
             neighbors in bgp.neighbors"
        ),
        Notice::UntestedVersion(version) => {
            warn!(version, "this version of ExaBGP is not tested; its text API is used");
        }
    }
}

#[cfg(test)]
mod tests;
