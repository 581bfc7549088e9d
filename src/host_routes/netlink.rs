//! The sockets to rtnetlink: requests with their answers, and what the kernel tells of changes.
//!
//! Called by `worker.rs`, on its thread: a request is carried out inside the system call that sends it, and may wait there
//! for the kernel's lock. Requests go out many in one message, dumps are checked strictly, so that the kernel gives only
//! what is asked for. Every wait for an answer ends.

#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "rtnetlink's enums grow with the kernel; what is not named does not matter"
)]

use std::io;
use std::time::Duration;

use netlink_packet_core::{ErrorMessage, NLM_F_ACK, NetlinkMessage, NetlinkPayload, NlasIterator};
use netlink_packet_route::RouteNetlinkMessage;
use netlink_sys::protocols::NETLINK_ROUTE;
use netlink_sys::{AsyncSocket, AsyncSocketExt, SocketAddr, TokioSocket};
use tokio::time::timeout;

use super::message::{Dump, Message};
use super::reconciler::Refusal;

/// How long an answer may take: the kernel's lock is held for seconds at worst.
const PATIENCE: Duration = Duration::from_secs(30);

/// How many requests go out at once: their answers fit into any receive buffer.
const BATCH: usize = 64;

/// The largest message of a dump (`NLMSG_GOODSIZE` and what `netlink_dump` makes of a large read buffer).
const LARGEST: usize = 64 * 1024;

/// What is asked for as receive buffer; the kernel gives at most `net.core.rmem_max`.
const RECEIVE: u32 = 4 << 20;

/// Errno values that are told apart: linux/errno-base.h and errno.h, the same on all of Rust's Linux targets but for the last.
const EPERM: i32 = 1;
const ENOENT: i32 = 2;
const ESRCH: i32 = 3;
const ENODEV: i32 = 19;
const EADDRNOTAVAIL: i32 = 99;
const ENOBUFS: i32 = 105;

/// `NLM_F_DUMP_INTR` of linux/netlink.h.
const DUMP_INTERRUPTED: u16 = 0x10;

/// Groups of changes: `RTNLGRP_*` of linux/rtnetlink.h, each as its bit.
const GROUPS: [u32; 6] = [1, 3, 7, 8, 11, 19];

/// Why nothing is known of the kernel.
#[derive(Debug, thiserror::Error)]
pub(super) enum KernelError {
    #[error("could not open a socket to rtnetlink")]
    Open(#[source] io::Error),
    #[error("could not send a request to rtnetlink")]
    Send(#[source] io::Error),
    #[error("could not read rtnetlink's answer")]
    Receive(#[source] io::Error),
    #[error("rtnetlink has not answered for {} s", PATIENCE.as_secs())]
    Silent,
    #[error("rtnetlink refused to show {0:?}: {1}")]
    Refused(Dump, String),
}

/// Requests and their answers.
pub(super) struct Requests {
    socket: TokioSocket,
    port: u32,
    sequence: u32,
    buffer: Vec<u8>,
}

/// What the kernel tells of changes.
pub(super) struct Monitor {
    socket: TokioSocket,
    own_port: u32,
    buffer: Vec<u8>,
}

/// Something that the kernel told.
#[derive(Debug)]
pub(super) enum Told {
    /// A change that was not asked for here.
    Message(RouteNetlinkMessage),
    /// Changes were lost.
    Missed,
}

impl Requests {
    pub(super) fn open() -> Result<Self, KernelError> {
        let open = || -> io::Result<Self> {
            let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
            let address = socket.socket_mut().bind_auto()?;
            let raw = socket.socket_ref();
            raw.set_ext_ack(true)?;
            raw.set_cap_ack(true)?;
            raw.set_netlink_get_strict_chk(true)?;
            raw.set_rx_buf_sz(RECEIVE)?;
            let buffer = Vec::with_capacity(LARGEST);
            Ok(Self { socket, port: address.port_number(), sequence: 0, buffer })
        };
        open().map_err(KernelError::Open)
    }

    /// What changes of our own are told under.
    pub(super) const fn port(&self) -> u32 {
        self.port
    }

    /// Hands each entry of a dump to `take`. `false`: it changed meanwhile, and something may be missing.
    pub(super) async fn dump(
        &mut self,
        dump: Dump,
        mut take: impl FnMut(RouteNetlinkMessage),
    ) -> Result<bool, KernelError> {
        let sequence = self.send(&[dump.request()]).await?;
        let mut consistent = true;
        loop {
            for message in self.receive().await? {
                if message.header.sequence_number != sequence {
                    continue;
                }
                consistent &= message.header.flags & DUMP_INTERRUPTED == 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => take(inner),
                    NetlinkPayload::Error(error) => {
                        return Err(KernelError::Refused(dump, refusal(&error).words));
                    }
                    NetlinkPayload::Done(_) => return Ok(consistent),
                    _ => {}
                }
            }
        }
    }

    /// Has these carried out, and says of each what became of it. The kernel takes them one after the other and tells of each
    /// that fails; that it has done the others it tells by its answer to the last one, which alone asks for it.
    pub(super) async fn carry_out(
        &mut self,
        requests: &[Message],
    ) -> Result<Vec<Result<(), Refusal>>, KernelError> {
        let mut results = Vec::with_capacity(requests.len());
        for batch in requests.chunks(BATCH) {
            let first = self.send(batch).await?;
            let start = results.len();
            results.resize_with(start + batch.len(), || Ok(()));
            let mut is_done = false;
            while !is_done {
                for message in self.receive().await? {
                    let place = message.header.sequence_number.wrapping_sub(first);
                    let NetlinkPayload::Error(error) = message.payload else { continue };
                    let Some(place) = usize::try_from(place).ok().filter(|place| *place < batch.len()) else {
                        continue;
                    };
                    if error.code.is_some() {
                        results[start + place] = Err(refusal(&error));
                    }
                    is_done |= place == batch.len() - 1;
                }
            }
        }
        Ok(results)
    }

    /// Sends these in one message, numbered from the number that is returned. An answer that all is well is asked for with the
    /// last one only.
    async fn send(&mut self, requests: &[Message]) -> Result<u32, KernelError> {
        let first = self.sequence.wrapping_add(1);
        let mut bytes = Vec::new();
        for (place, request) in requests.iter().enumerate() {
            self.sequence = self.sequence.wrapping_add(1);
            let mut request = request.clone();
            request.header.sequence_number = self.sequence;
            if place + 1 < requests.len() {
                request.header.flags &= !NLM_F_ACK;
            }
            request.finalize();
            let (start, length) = (bytes.len(), request.buffer_len());
            // Each begins at a multiple of four.
            bytes.resize(start + length.next_multiple_of(4), 0);
            request.serialize(&mut bytes[start..start + length]);
        }
        let kernel = SocketAddr::new(0, 0);
        self.socket.send_to(&bytes, &kernel).await.map_err(KernelError::Send)?;
        Ok(first)
    }

    async fn receive(&mut self) -> Result<Vec<Message>, KernelError> {
        self.buffer.clear();
        let received = timeout(PATIENCE, self.socket.recv(&mut self.buffer)).await;
        received.map_err(|_| KernelError::Silent)?.map_err(KernelError::Receive)?;
        Ok(messages(&self.buffer, None))
    }
}

impl Monitor {
    /// `own_port`: whose changes are not told.
    pub(super) fn open(own_port: u32) -> Result<Self, KernelError> {
        let open = || -> io::Result<Self> {
            let mut socket = TokioSocket::new(NETLINK_ROUTE)?;
            socket.socket_ref().set_rx_buf_sz(RECEIVE)?;
            let groups = GROUPS.iter().fold(0, |bits, group| bits | 1 << (group - 1));
            socket.socket_mut().bind(&SocketAddr::new(0, groups))?;
            Ok(Self { socket, own_port, buffer: Vec::with_capacity(LARGEST) })
        };
        open().map_err(KernelError::Open)
    }

    /// What the kernel tells next. Cancel-safe: nothing is read before it is returned.
    pub(super) async fn next(&mut self) -> Result<Vec<Told>, KernelError> {
        self.buffer.clear();
        match self.socket.recv(&mut self.buffer).await {
            Ok(()) => {}
            Err(error) if error.raw_os_error() == Some(ENOBUFS) => return Ok(vec![Told::Missed]),
            Err(error) => return Err(KernelError::Receive(error)),
        }
        let told =
            messages(&self.buffer, Some(self.own_port)).into_iter().filter_map(|message| {
                match message.payload {
                    NetlinkPayload::InnerMessage(inner) => Some(Told::Message(inner)),
                    NetlinkPayload::Overrun(_) => Some(Told::Missed),
                    _ => None,
                }
            });
        Ok(told.collect())
    }
}

/// The messages in a datagram, without those that were asked for through the port `but`, and what can't be read: nothing of
/// ours is among that.
fn messages(mut bytes: &[u8], but: Option<u32>) -> Vec<Message> {
    let mut messages = Vec::new();
    // The length of a message is its first field, in the machine's order, and counts itself.
    while let Some(length) = bytes.first_chunk::<4>().map(|field| u32::from_ne_bytes(*field)) {
        let length = usize::try_from(length).unwrap_or(usize::MAX);
        let Some(one) = bytes.get(..length).filter(|one| one.len() >= 16) else { break };
        // The last of the header's fields.
        let port = one.get(12..16).and_then(|field| Some(u32::from_ne_bytes(field.try_into().ok()?)));
        if but.is_none() || but != port {
            match NetlinkMessage::deserialize(one) {
                Ok(message) => messages.push(message),
                Err(error) => tracing::debug!(%error, "a message of rtnetlink is not understood"),
            }
        }
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
    }
    messages
}

/// The kernel's error in words, with its own explanation where it gives one (`NLMSGERR_ATTR_MSG`).
fn refusal(error: &ErrorMessage) -> Refusal {
    const EXPLANATION: u16 = 1;
    let number = error.code.map_or(0, |code| code.get().saturating_neg());
    let mut words = io::Error::from_raw_os_error(number).to_string();
    // Behind the header of the request that failed.
    let attributes = NlasIterator::new(error.header.get(16..).unwrap_or_default());
    let explanation = attributes.filter_map(Result::ok).find(|attribute| attribute.kind() == EXPLANATION);
    if let Some(explanation) = explanation {
        let text = String::from_utf8_lossy(explanation.value());
        words = format!("{words}: {}", text.trim_end_matches('\0'));
    }
    if number == EPERM {
        words.push_str("; roamd needs CAP_NET_ADMIN for host routes (AmbientCapabilities= of its unit)");
    }
    Refusal { words, is_gone: [ENOENT, ESRCH, ENODEV, EADDRNOTAVAIL].contains(&number) }
}
