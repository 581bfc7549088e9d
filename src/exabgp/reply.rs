//! One line of ExaBGP's to a [`Reply`]. Pure; spellings of 4.2 and 5.0.
//!
//! Answers carry no number: `done` and `error` mean the oldest command that is open. So nothing but exactly
//! these words may become one. The configuration that ExaBGP shows holds passwords: of its lines only what is
//! named here is kept, and no reply carries raw text that could end in a log.

use std::net::IpAddr;

use serde::Deserialize;

use super::NeighborState;
use super::row::Row;
use super::update::{self, NoUpdate, Update};

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// `done`: the oldest open command was carried out.
    Done,
    /// `error`: the oldest open command was refused; the reason is in ExaBGP's log only.
    Error,
    /// A neighbor's state changed.
    State(Told),
    /// ExaBGP ends in order.
    ShuttingDown,
    /// An UPDATE that ExaBGP sent or received.
    Update(Box<Update>),
    /// Another event, not followed here.
    Event,
    /// An answer in JSON: ExaBGP 6's own protocol.
    JsonAnswer,
    /// Answer to `version`, such as `4.2.21`.
    Version(String),
    /// First line of `show neighbor summary`.
    SummaryHeader,
    /// A neighbor in `show neighbor summary`; 4.2 lists established ones only.
    SummaryRow(IpAddr, NeighborState),
    /// A line of `show neighbor configuration`.
    Configuration(ConfigurationLine),
    /// A route in `show adj-rib out extensive`.
    Row(Box<Row>),
    /// A route there that can't be ours.
    OtherRow,
    /// First line of the answer to `shutdown`, `reload` and `restart`, which roamd never sends.
    InProgress,
    /// None of all that.
    Garbage,
}

/// What a state event tells of a neighbor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The neighbor.
    pub address: IpAddr,
    /// Its AS and ours on this session, where told.
    pub numbers: Option<(u32, u32)>,
    /// The session's state.
    pub state: NeighborState,
}

/// What matters in a neighbor's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigurationLine {
    /// `neighbor A {`: the lines up to [`Self::End`] are about this neighbor.
    Neighbor(IpAddr),
    /// `local-as N;`, `None` for `auto`.
    LocalAs(Option<u32>),
    /// `peer-as N;`, `None` for `auto`.
    PeerAs(Option<u32>),
    /// `ipv4 unicast;` in any of the blocks: the session carries IPv4 routes.
    Ipv4,
    /// `ipv6 unicast;` in any of the blocks: the session carries IPv6 routes.
    Ipv6,
    /// `manual-eor true;`: ExaBGP sends no End-of-RIB marker (RFC 4724 section 2) by itself.
    ManualEor,
    /// `processes [ a b ];`
    Processes(Vec<String>),
    /// `}` in the first column.
    End,
    /// Anything else.
    Other,
}

/// Whether a line that is no UPDATE is worth more than [`Reply::Event`], without parsing it.
const FOLLOWED: [&str; 3] = [r#""type": "state""#, r#""type": "notification""#, r#""answer""#];

impl Reply {
    /// Reads one line without its end, UPDATEs as [`Self::Event`]: with `send { parsed; update; }` most lines are such.
    pub fn parse_all_but_updates(line: &[u8]) -> Self {
        match std::str::from_utf8(line) {
            Ok(line) if update::is_update(line) => Self::Event,
            Ok(_) | Err(_) => Self::parse(line),
        }
    }

    /// Reads one line without its end.
    pub fn parse(line: &[u8]) -> Self {
        let Ok(line) = std::str::from_utf8(line) else { return Self::Garbage };
        match line {
            "done" => return Self::Done,
            "error" => return Self::Error,
            "" => return Self::Configuration(ConfigurationLine::Other),
            "}" => return Self::Configuration(ConfigurationLine::End),
            _ => {}
        }
        if update::is_update(line) {
            return match Update::parse(line) {
                Ok(Some(update)) => Self::Update(Box::new(update)),
                Ok(None) => Self::Event,
                Err(NoUpdate) => Self::Garbage,
            };
        }
        if line.starts_with('{') {
            return json(line);
        }
        if line.starts_with(' ') {
            return Self::Configuration(configuration(line.trim()));
        }
        if line.starts_with("Peer ") && line.contains("up/down") {
            return Self::SummaryHeader;
        }
        if let Some(version) = line.strip_prefix("exabgp ") {
            let plausible = version.len() <= 64 && version.starts_with(|first: char| first.is_ascii_digit());
            return if plausible { Self::Version(version.to_owned()) } else { Self::Garbage };
        }
        if let Some(address) = line.strip_prefix("neighbor ").and_then(|rest| rest.strip_suffix(" {")) {
            return address
                .parse()
                .map_or(Self::Garbage, |address| Self::Configuration(ConfigurationLine::Neighbor(address)));
        }
        if ["shutdown", "reload", "restart"].into_iter().any(|what| line == format!("{what} in progress")) {
            return Self::InProgress;
        }
        if let Some((address, state)) = summary(line) {
            return Self::SummaryRow(address, state);
        }
        match Row::parse(line) {
            Ok(Some(row)) => Self::Row(Box::new(row)),
            Ok(None) => Self::OtherRow,
            Err(super::row::NoRow) => Self::Garbage,
        }
    }
}

/// `A  ASN  [N day(s), ]H:MM:SS|down  STATE  SENT  RECEIVED`
fn summary(line: &str) -> Option<(IpAddr, NeighborState)> {
    let mut words = line.split_ascii_whitespace();
    let address = words.next()?.parse().ok()?;
    let _received: u64 = words.next_back()?.parse().ok()?;
    let _sent: u64 = words.next_back()?.parse().ok()?;
    let state = match words.next_back()? {
        "established" => NeighborState::Up,
        "opensent" | "openconfirm" => NeighborState::Connected,
        "idle" | "active" | "connect" => NeighborState::Down,
        _ => return None,
    };
    words.next()?;
    Some((address, state))
}

fn configuration(line: &str) -> ConfigurationLine {
    let Some(line) = line.strip_suffix(';') else { return ConfigurationLine::Other };
    match line.split_once(' ') {
        Some(("local-as", number)) => ConfigurationLine::LocalAs(number.parse().ok()),
        Some(("peer-as", number)) => ConfigurationLine::PeerAs(number.parse().ok()),
        Some(("ipv4", "unicast")) => ConfigurationLine::Ipv4,
        Some(("ipv6", "unicast")) => ConfigurationLine::Ipv6,
        Some(("manual-eor", "true")) => ConfigurationLine::ManualEor,
        Some(("processes", names)) => {
            let names = names.trim_matches(['[', ']', ' ']).split_ascii_whitespace();
            ConfigurationLine::Processes(names.map(str::to_owned).collect())
        }
        Some(_) | None => ConfigurationLine::Other,
    }
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: Option<String>,
    answer: Option<serde_json::Value>,
    notification: Option<serde_json::Value>,
    neighbor: Option<EventNeighbor>,
}

#[derive(Deserialize)]
struct EventNeighbor {
    address: Addresses,
    #[serde(default)]
    asn: Numbers,
    state: Option<String>,
}

#[derive(Deserialize)]
struct Addresses {
    peer: IpAddr,
}

#[derive(Deserialize, Default)]
struct Numbers {
    local: Option<serde_json::Value>,
    peer: Option<serde_json::Value>,
}

impl Numbers {
    /// The neighbor's and ours; with `peer-as auto` they are no numbers before the session is up.
    fn both(&self) -> Option<(u32, u32)> {
        let number = |value: &Option<serde_json::Value>| {
            value.as_ref().and_then(serde_json::Value::as_u64).and_then(|number| u32::try_from(number).ok())
        };
        Some((number(&self.peer)?, number(&self.local)?))
    }
}

fn json(line: &str) -> Reply {
    if !FOLLOWED.iter().any(|mark| line.contains(mark)) {
        return if line.ends_with('}') { Reply::Event } else { Reply::Garbage };
    }
    // What comes last there is a neighbor's text, as it came: no JSON where it holds a control character, say.
    let without_reason = line.split_once(r#", "reason": ""#).map(|(event, _)| format!("{event} }} }}"));
    let line = without_reason.as_deref().unwrap_or(line);
    let Ok(event) = serde_json::from_str::<Event>(line) else { return Reply::Garbage };
    match (event.kind.as_deref(), event.neighbor) {
        (Some("state"), Some(EventNeighbor { address, asn, state: Some(state) })) => {
            let state = match state.as_str() {
                "up" => NeighborState::Up,
                "connected" => NeighborState::Connected,
                "down" => NeighborState::Down,
                _ => return Reply::Event,
            };
            Reply::State(Told { address: address.peer, numbers: asn.both(), state })
        }
        (Some("notification"), None) if event.notification == Some("shutdown".into()) => Reply::ShuttingDown,
        (None, None) if event.answer.is_some() => Reply::JsonAnswer,
        (Some(_) | None, _) => Reply::Event,
    }
}

#[cfg(test)]
mod tests;
