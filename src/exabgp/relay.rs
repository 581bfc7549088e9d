//! Transport `relay`: ExaBGP runs `roamd relay`, which connects to the agent's socket.
//!
//! The agent listens; each relay that connects and greets gets a session of its own, which begins like any other
//! with a fence and a look at the table. One relay at a time: the newest wins, for ExaBGP has respawned it or was
//! itself restarted. Between two relays the agent goes on, and hears [`Report::Lost`].
//!
//! What is about to stand is told to the relay's ledger before the command that makes it so: whatever ends this
//! process in between, nothing stands that the relay does not know of.

mod conversation;
mod socket;

use std::io;
use std::time::{Duration, Instant};

use tokio::io::{Interest, Ready};
use tokio::net::UnixStream;
use tokio::sync::mpsc::{Sender, UnboundedReceiver, UnboundedSender, channel};
use tokio::time::MissedTickBehavior;
use tracing::{debug, info, warn};

use super::drive::log;
use super::{Order, Report, Settings};
use crate::chain::Chain;
use crate::link::{self, Hello, ToAgent};
use crate::nonblocking::is_passing;
use crate::timer::sleep_until;
pub use conversation::{Conversation, welcome};
use socket::Socket;

/// How long a relay may take to greet.
const GREETING: Duration = Duration::from_secs(5);

/// How long after its start the agent says that no relay has come.
const FIRST: Duration = Duration::from_secs(2);

/// How often the agent looks whether its socket is still there.
const LOOK: Duration = Duration::from_secs(1);

/// The longest greeting.
const LONGEST: usize = 1 << 12;

/// The most bytes that wait for the relay, many times what a session has outstanding.
const MAX_WAITING: usize = 16 << 20;

/// How much is read at once.
const READ: usize = 1 << 16;

/// Begins to listen, and serves relays until the agent is gone.
pub(super) fn spawn(
    settings: Settings,
    orders: UnboundedReceiver<Order>,
    reports: UnboundedSender<Report>,
) -> io::Result<()> {
    let socket =
        Socket::bind(&settings.socket, settings.socket_group.as_deref()).map_err(io::Error::other)?;
    info!(socket = %settings.socket.display(), "waiting for the relay");
    let server = Server { settings, reports, link: None, told: None, unmended: None };
    tokio::spawn(server.run(socket, orders));
    Ok(())
}

/// A relay that has greeted.
#[derive(Debug)]
struct Greeted {
    stream: UnixStream,
    hello: Hello,
    /// What came after the greeting.
    rest: Vec<u8>,
}

struct Server {
    settings: Settings,
    reports: UnboundedSender<Report>,
    link: Option<Link>,
    /// Why there is no link, as it was reported last.
    told: Option<String>,
    /// Why the socket, which is gone, can't be put back.
    unmended: Option<String>,
}

/// The present relay.
struct Link {
    stream: UnixStream,
    conversation: Conversation,
}

impl Server {
    async fn run(mut self, mut socket: Socket, mut orders: UnboundedReceiver<Order>) {
        let (greeters, mut greeted) = channel::<Result<Greeted, String>>(4);
        let mut buffer = vec![0; READ];
        let patience = Instant::now() + FIRST;
        let mut waits = true;
        let mut look = tokio::time::interval(LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            if !self.apply() {
                return;
            }
            let deadline = match &self.link {
                Some(link) => link.conversation.deadline(),
                None => waits.then_some(patience),
            };
            // Cancel-safe: readiness, a connection, an order, a greeting and a tick stay there until they are taken.
            tokio::select! {
                // What ExaBGP has already said comes first: it may settle what an order would wait for.
                biased;
                ready = ready(self.link.as_ref()) => {
                    self.exchange(ready, &mut buffer);
                    // A table of thousands of routes must not keep the agent, which shares this thread, from its events
                    // and its heartbeat.
                    tokio::task::yield_now().await;
                }
                order = orders.recv() => match order {
                    Some(order) => self.order(order),
                    None => return,
                },
                Some(result) = greeted.recv() => match result {
                    Ok(greeted) => self.adopt(greeted),
                    Err(reason) => self.turn_away(&reason),
                },
                accepted = socket.accept() => match accepted {
                    Ok(stream) => {
                        tokio::spawn(greet(stream, self.settings.lease, greeters.clone()));
                    }
                    Err(reason) => self.turn_away(&format!("a connection was refused: {reason}")),
                },
                _ = look.tick() => self.look(&mut socket),
                () = sleep_until(deadline) => if let Some(link) = &mut self.link {
                    link.conversation.tick(Instant::now());
                } else {
                    waits = false;
                    let socket = self.settings.socket.display();
                    self.lose(format!(
                        "no relay has connected to {socket}: ExaBGP's configuration must run `roamd relay`, as this \
                         user or one of exabgp.socket_group"
                    ));
                },
            }
            // What is ready together is written together.
            while let Ok(order) = orders.try_recv() {
                self.order(order);
            }
        }
    }

    fn order(&mut self, order: Order) {
        // Without a relay the agent has heard, or is about to hear, that everything is in doubt.
        if let Some(link) = &mut self.link {
            link.conversation.order(order, Instant::now());
        }
    }

    /// Puts the socket back where somebody has removed it; a repeated failure is logged once.
    fn look(&mut self, socket: &mut Socket) {
        let path = self.settings.socket.display();
        match socket.put_back() {
            Ok(false) => {}
            Ok(true) => warn!(socket = %path, "somebody had removed the socket; it is there again"),
            Err(error) => {
                let error = Chain(&error).to_string();
                if self.unmended.as_ref() != Some(&error) {
                    warn!(
                        socket = %path,
                        error,
                        "the socket is gone and can't be put back; a new relay finds nobody until roamd is restarted"
                    );
                    self.unmended = Some(error);
                }
                return;
            }
        }
        self.unmended = None;
    }

    /// The newest wins.
    fn adopt(&mut self, greeted: Greeted) {
        let Greeted { stream, hello, rest } = greeted;
        info!(pid = hello.pid, epoch = hello.epoch, "the relay is connected");
        if self.link.is_some() {
            self.lose("another relay has taken its place".to_owned());
        }
        self.told = None;
        let now = Instant::now();
        let mut link = Link { stream, conversation: Conversation::new(hello, &self.settings, now) };
        let understood = link.conversation.take(&rest, now);
        self.link = Some(link);
        if let Err(reason) = understood {
            self.lose(reason);
        }
    }

    /// Somebody connected who can't be the relay: worth a word only while nobody else is.
    fn turn_away(&mut self, reason: &str) {
        if self.link.is_none() {
            self.lose(reason.to_owned());
        } else {
            debug!(reason, "a connection was turned away");
        }
    }

    /// There is no relay now; reported once for a reason.
    fn lose(&mut self, reason: String) {
        let had = self.link.take().is_some();
        if had || self.told.as_ref() != Some(&reason) {
            self.told = Some(reason.clone());
            // An agent that is gone shows by its orders.
            let _ = self.reports.send(Report::Lost { reason, at: Instant::now() });
        }
    }

    /// Reads and writes what can be.
    fn exchange(&mut self, ready: Ready, buffer: &mut [u8]) {
        let Some(link) = &mut self.link else { return };
        if let Err(reason) = link.exchange(ready, buffer) {
            self.lose(reason);
        }
    }

    /// Does what the session asks for; `false` when the agent is gone.
    fn apply(&mut self) -> bool {
        let Some(link) = &mut self.link else { return true };
        let (reports, notices) = link.conversation.effects();
        notices.into_iter().for_each(log);
        let heard = reports.into_iter().all(|report| {
            debug!(?report, "ExaBGP");
            self.reports.send(report).is_ok()
        });
        if link.conversation.to_relay().len() > MAX_WAITING {
            self.lose("the relay does not read".to_owned());
        }
        heard
    }
}

impl Link {
    fn exchange(&mut self, ready: Ready, buffer: &mut [u8]) -> Result<(), String> {
        if ready.is_readable() {
            match self.stream.try_read(buffer) {
                Ok(0) => return Err("the relay has ended, or ExaBGP with it".to_owned()),
                Ok(length) => {
                    let bytes = buffer.get(..length).unwrap_or_default();
                    self.conversation.take(bytes, Instant::now())?;
                }
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(format!("the relay's link is broken: {error}")),
            }
        }
        if ready.is_writable() && !self.conversation.to_relay().is_empty() {
            match self.stream.try_write(self.conversation.to_relay()) {
                Ok(length) => self.conversation.wrote_to_relay(length, Instant::now()),
                Err(error) if is_passing(&error) => {}
                Err(error) => return Err(format!("the relay's link is broken: {error}")),
            }
        }
        Ok(())
    }
}

/// Greets a connection; what comes of it goes to `greeters`.
async fn greet(stream: UnixStream, lease: Duration, greeters: Sender<Result<Greeted, String>>) {
    let greeted = match tokio::time::timeout(GREETING, greeting(stream, lease)).await {
        Ok(Ok(Some(greeted))) => Ok(greeted),
        // Somebody who only looked whether anybody is here, or was replaced before it could greet.
        Ok(Ok(None)) => return,
        Ok(Err(reason)) => Err(reason),
        Err(_) => {
            debug!("a connection did not greet in time");
            return;
        }
    };
    // Without a server there is nobody to greet for.
    let _ = greeters.send(greeted).await;
}

async fn greeting(stream: UnixStream, lease: Duration) -> Result<Option<Greeted>, String> {
    // The first bytes on a new connection: the kernel's buffer takes them whole.
    if stream.try_write(&welcome(lease)).is_err() {
        return Ok(None);
    }
    let mut read = Vec::new();
    let mut buffer = [0; LONGEST];
    loop {
        if let Some(end) = read.iter().position(|&byte| byte == b'\n') {
            let rest = read.split_off(end + 1);
            return match link::first(&read) {
                Ok(ToAgent::Hello(hello)) => Ok(Some(Greeted { stream, hello, rest })),
                Ok(ToAgent::Holds(_) | ToAgent::Line(_) | ToAgent::Overlong | ToAgent::Skipped) => {
                    Err("a relay did not greet".to_owned())
                }
                Err(error) => Err(format!("a relay is refused: {error}")),
            };
        }
        if read.len() > LONGEST {
            return Err("a relay's greeting does not end".to_owned());
        }
        if stream.readable().await.is_err() {
            return Ok(None);
        }
        match stream.try_read(&mut buffer) {
            Ok(0) => return Ok(None),
            Ok(length) => read.extend_from_slice(buffer.get(..length).unwrap_or_default()),
            Err(error) if is_passing(&error) => {}
            Err(_) => return Ok(None),
        }
    }
}

/// What the link is ready for; never without a link.
async fn ready(link: Option<&Link>) -> Ready {
    let Some(link) = link else { return std::future::pending().await };
    let waits = !link.conversation.to_relay().is_empty();
    let interest = if waits { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
    // An error shows again at the read that follows.
    link.stream.ready(interest).await.unwrap_or(Ready::READABLE)
}

#[cfg(test)]
mod tests;
