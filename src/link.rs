//! What the agent and the relay say to each other over the agent's socket. Pure: messages and their framing.
//!
//! Each message is one line of JSON. The agent speaks first, as soon as it takes a connection, so that a relay
//! sends nothing to an agent that hangs:
//!
//! ```text
//!  agent ── Welcome ─▶ relay    the protocol, and the lease
//!  agent ◀─ Hello ──── relay    the protocol, which relay, which life of ExaBGP
//!  agent ◀─ Holds ──── relay    what stands in the relay's ledger, in pieces
//!  agent ◀─ Line ───── relay    the last state of each neighbor, then every line of ExaBGP's
//!  agent ── Keep, Commands, Forget, Heartbeat ─▶ relay
//! ```
//!
//! Both processes come from one program, but ExaBGP keeps an old relay running when the program is upgraded. The
//! first message of either side is therefore read in any version, and another version is refused in words.

mod outbox;

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::route::Prefix;

pub(crate) use outbox::Outbox;

/// The version of these messages; raised when one of them changes.
pub const PROTOCOL: u32 = 1;

/// The longest line of ExaBGP's that is passed on, in bytes; the longest that matters is a table's row. As JSON it
/// stays below [`crate::exabgp::Lines::MAX`] whatever it is made of.
pub const MAX_LINE: usize = 1 << 16;

/// The longest time between two heartbeats of an agent that does not happen to be busy: half a dozen in [`SILENCE`].
pub const BEAT: Duration = Duration::from_millis(500);

/// For how long an agent that is well says nothing at most. With 10,000 routes to take in at once, on two cores that had
/// four times as much to do as they can, its one thread was held up for less than 2 s in a release build, 2.5 s in a debug
/// build.
pub const SILENCE: Duration = Duration::from_secs(3);

/// How many entries of the ledger go into one message.
const PIECE: usize = 1_000;

/// From the agent to the relay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToRelay {
    /// The first message.
    Welcome(Welcome),
    /// Whole command lines with their ends, for ExaBGP.
    Commands(String),
    /// What is about to stand, or to go; sent before the commands that make it so.
    Keep(Keep),
    /// Nothing stands for this prefix any more, and nothing is to be done about it.
    Forget(Prefix),
    /// The agent is alive.
    Heartbeat {
        /// How long the relay is to wait for the next one before it carries out the last wills.
        lease_ms: u64,
        /// It does not know what libvirt tells: has not listed yet, or has lost it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        unwatched: bool,
        /// For how long it leaves the routes as they are without knowing that; none is told by a release before this field.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        libvirt_lease_ms: Option<u64>,
    },
}

/// From the relay to the agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToAgent {
    /// The first message.
    Hello(Hello),
    /// Entries of the ledger; all of them come before the first line.
    Holds(Vec<Held>),
    /// A line of ExaBGP's without its end.
    Line(String),
    /// Reports of UPDATEs were not passed on, because too much waited for the agent.
    Skipped,
    /// A line of ExaBGP's that was longer than [`MAX_LINE`], and was dropped.
    Overlong,
}

/// How an agent begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// [`PROTOCOL`] of the agent's build.
    pub protocol: u32,
    /// As in [`ToRelay::Heartbeat`], and the first of them.
    pub lease_ms: u64,
    /// [`SILENCE`] of the agent's build; without it the relay goes by the lease alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub silence_ms: Option<u64>,
}

/// How a relay begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`PROTOCOL`] of the relay's build.
    pub protocol: u32,
    /// The relay's process id.
    pub pid: u32,
    /// Identity of this life of ExaBGP, whose RIB is lost with it: `pid-starttime-bootid`.
    pub epoch: Option<String>,
    /// For how long no agent has known what libvirt tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unwatched_ms: Option<u64>,
}

/// What the relay is to know of a prefix.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// What is reached.
    pub prefix: Prefix,
    /// Number of the rung on which it stands, 0 (best) to 4; `None`: it is being withdrawn.
    pub rung: Option<u32>,
    /// What to tell ExaBGP when the agent has left or hangs and does not come back at once, in lines without their ends.
    /// Empty: the route stays as it is.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub demotion: Vec<String>,
    /// The last will: what to tell ExaBGP when no agent comes back in time, in lines without their ends. Empty:
    /// the route stays as it is.
    pub will: Vec<String>,
}

/// An entry of the relay's ledger, as the agent needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What is reached.
    pub prefix: Prefix,
    /// As in [`Keep`].
    pub rung: Option<u32>,
    /// Its last will was carried out.
    pub willed: bool,
}

/// The other side can't be understood.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// The other side is of another release.
    #[error(
        "the other side speaks version {theirs} of the link, this one version {PROTOCOL}: agent and relay are of \
         different releases; restart the older one (`roamd relay` is restarted by ExaBGP on SIGUSR2)"
    )]
    Protocol {
        /// Its version.
        theirs: u32,
    },
    /// What it sent is no message.
    #[error("the other side sent something that is no message of the link")]
    Malformed(#[source] serde_json::Error),
}

/// As much of a first message as every version has.
#[derive(Deserialize)]
struct Greeting {
    #[serde(alias = "welcome", alias = "hello")]
    greeting: Version,
}

#[derive(Deserialize)]
struct Version {
    protocol: u32,
}

/// Reads the first message of the other side: its version before anything else.
pub fn first<M: DeserializeOwned>(line: &[u8]) -> Result<M, LinkError> {
    let Greeting { greeting: Version { protocol: theirs } } =
        serde_json::from_slice(line).map_err(LinkError::Malformed)?;
    if theirs == PROTOCOL { decode(line) } else { Err(LinkError::Protocol { theirs }) }
}

/// Reads a message of the other side, a line without its end.
pub fn decode<M: DeserializeOwned>(line: &[u8]) -> Result<M, LinkError> {
    serde_json::from_slice(line).map_err(LinkError::Malformed)
}

/// Appends a message with its end of line.
pub fn encode<M: Serialize>(message: &M, out: &mut Vec<u8>) {
    let before = out.len();
    match serde_json::to_writer(&mut *out, message) {
        Ok(()) => out.push(b'\n'),
        // Neither a map with odd keys nor a writer that fails is in it; half a message must not go out all the same.
        Err(_) => out.truncate(before),
    }
}

/// The ledger's entries as messages.
pub fn holds(entries: impl IntoIterator<Item = Held>) -> Vec<ToAgent> {
    let entries: Vec<Held> = entries.into_iter().collect();
    entries.chunks(PIECE).map(|piece| ToAgent::Holds(piece.to_vec())).collect()
}

/// A duration as the link carries it.
pub fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
