//! Transport `print`: commands go to stdout and nothing is expected back. A dry run, without any ExaBGP.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::mpsc as blocking;
use std::thread;
use std::time::Instant;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::command::{self, Audience};
use super::drive::{Batch, Event, writer};
use super::{Order, Outcome, Report, Settings, stdin};
use crate::plan::Step;
use crate::route::Prefix;

/// Starts writing to stdout.
pub(super) fn spawn(
    settings: &Settings,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    // Should ExaBGP run this by mistake, its answers must not fill the pipe.
    if stdin::is_pipe(0) {
        thread::Builder::new().name("drain".to_owned()).spawn(stdin::drain)?;
    }
    spawn_over(settings, io::stdout(), orders, reports)
}

fn spawn_over(
    settings: &Settings,
    sink: impl Write + Send + 'static,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    // There is nobody to ask what kind of neighbor it is: all count as eBGP, so that prepends show.
    let only = if settings.neighbors.is_empty() { None } else { Some(settings.neighbors.clone()) };
    let audience = Audience { only, path_as: Some(settings.local_as) };
    let (events, written) = unbounded_channel();
    let batches = writer(sink, events)?;
    let printer = Printer { audience, batches, unwritten: Vec::new(), last: 0 };
    tokio::spawn(printer.run(written, orders, reports));
    Ok(())
}

/// Steps on their way to stdout.
#[derive(Debug)]
struct Printer {
    audience: Audience,
    batches: blocking::Sender<Batch>,
    /// Steps that are handed to the writer, each with the number of its batch.
    unwritten: Vec<(u64, Prefix)>,
    last: u64,
}

impl Printer {
    async fn run(
        mut self,
        mut written: UnboundedReceiver<Event>,
        mut orders: UnboundedReceiver<Order>,
        reports: UnboundedSender<Report>,
    ) {
        // There is no table behind a pipe.
        let (table, ledger, at) = (Vec::new(), BTreeMap::new(), Instant::now());
        let mut heard = reports.send(Report::Ready { version: None, epoch: None, table, ledger, at }).is_ok();
        while heard {
            // Cancel-safe: `recv` loses nothing when the other branch wins.
            tokio::select! {
                biased;
                Some(event) = written.recv() => match event {
                    Event::Written(through, at) => {
                        heard = self.settled(through, at).into_iter().all(|report| reports.send(report).is_ok());
                    }
                    Event::Ended(reason) => {
                        // An agent that has ended needs no word of it.
                        let _ = reports.send(Report::Gone { reason });
                        break;
                    }
                    Event::Reply(..) => {}
                },
                order = orders.recv() => match order {
                    Some(Order::Do(steps)) => self.print(&steps),
                    Some(Order::EndOfRib(_) | Order::Keep(_) | Order::Forget(_) | Order::Heartbeat { .. }) => {}
                    None => return,
                },
            }
        }
        while orders.recv().await.is_some() {}
    }

    fn print(&mut self, steps: &[Step]) {
        if steps.is_empty() {
            return;
        }
        self.last += 1;
        let mut text = String::new();
        for step in steps {
            text.push_str(&command::line(step, &self.audience));
            text.push('\n');
            self.unwritten.push((self.last, step.prefix()));
        }
        // A writer that has ended has said so by an event.
        let _ = self.batches.send((text, self.last));
    }

    fn settled(&mut self, through: u64, at: Instant) -> Vec<Report> {
        let settled =
            |(_, prefix)| Report::Settled { prefix, outcome: Outcome::Acknowledged, written_at: at, at };
        self.unwritten.extract_if(.., |(number, _)| *number <= through).map(settled).collect()
    }
}

#[cfg(test)]
mod tests;
