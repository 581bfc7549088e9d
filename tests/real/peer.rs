//! A BGP neighbor that says what a test wants (RFC 4271): a session, and then any message.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Duration;

use crate::lab::Network;

/// How long ExaBGP may take to connect or to say anything.
const PATIENCE: Duration = Duration::from_secs(60);

/// A session with ExaBGP that is up.
pub(crate) struct Peer(TcpStream);

impl Peer {
    /// Waits for ExaBGP, and brings the session up: IPv4 unicast, four-octet AS numbers.
    pub(crate) fn accept(listener: &TcpListener, network: &Network) -> Self {
        let (stream, _) = listener.accept().expect("ExaBGP connects");
        stream.set_read_timeout(Some(PATIENCE)).expect("it is a time");
        let mut peer = Self(stream);
        assert_eq!(peer.read(), OPEN);
        let asn = network.tor_as.to_be_bytes();
        let capabilities = [&[1, 4, 0, 1, 0, 1, 65, 4][..], &asn].concat();
        let length = u8::try_from(capabilities.len()).expect("they are few");
        let hold_time = 90_u16.to_be_bytes();
        let parameters = [&[length + 2, 2, length][..], &capabilities].concat();
        let head = [&[4][..], &asn[2..], &hold_time, &network.tor.octets()].concat();
        peer.send(OPEN, &[head, parameters].concat());
        peer.send(KEEPALIVE, &[]);
        while peer.read() != KEEPALIVE {}
        peer
    }

    /// An UPDATE that announces prefixes of this length, in an AS path of the neighbor's own, with these attributes beside
    /// the mandatory ones.
    pub(crate) fn announces(&mut self, network: &Network, more: &[Vec<u8>], prefixes: &[(Ipv4Addr, u8)]) {
        let path = [&[2, 1][..], &network.tor_as.to_be_bytes()].concat();
        let attributes = [
            attribute(0x40, 1, &[0]),
            attribute(0x40, 2, &path),
            attribute(0x40, 3, &network.tor.octets()),
            more.concat(),
        ]
        .concat();
        let routes = prefixes.iter().flat_map(|(address, length)| {
            let octets = usize::from(length.div_ceil(8));
            [vec![*length], address.octets()[..octets].to_vec()].concat()
        });
        let length = u16::try_from(attributes.len()).expect("they fit").to_be_bytes();
        self.send(UPDATE, &[&[0, 0][..], &length, &attributes, &routes.collect::<Vec<u8>>()].concat());
    }

    /// A NOTIFICATION with this text in place of data; the session ends.
    pub(crate) fn ends(mut self, code: u8, subcode: u8, text: &str) {
        self.send(NOTIFICATION, &[&[code, subcode], text.as_bytes()].concat());
    }

    fn send(&mut self, kind: u8, body: &[u8]) {
        let length = u16::try_from(19 + body.len()).expect("a message fits").to_be_bytes();
        self.0.write_all(&[&[0xff; 16][..], &length, &[kind], body].concat()).expect("ExaBGP reads");
    }

    /// The next message's type.
    fn read(&mut self) -> u8 {
        let mut head = [0; 19];
        self.0.read_exact(&mut head).expect("ExaBGP speaks");
        let length = usize::from(u16::from_be_bytes([head[16], head[17]]));
        self.0.read_exact(&mut vec![0; length - head.len()]).expect("ExaBGP speaks");
        head[18]
    }
}

const OPEN: u8 = 1;
const UPDATE: u8 = 2;
const NOTIFICATION: u8 = 3;
const KEEPALIVE: u8 = 4;

/// Communities (RFC 1997), each as two numbers.
pub(crate) fn communities(all: &[(u16, u16)]) -> Vec<u8> {
    let octets = all.iter().flat_map(|(global, local)| [global.to_be_bytes(), local.to_be_bytes()].concat());
    attribute(0xd0, 8, &octets.collect::<Vec<u8>>())
}

/// Large communities (RFC 8092).
pub(crate) fn large_communities(all: &[[u32; 3]]) -> Vec<u8> {
    let octets = all.iter().flatten().flat_map(|number| number.to_be_bytes());
    attribute(0xd0, 32, &octets.collect::<Vec<u8>>())
}

fn attribute(flags: u8, kind: u8, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("it fits").to_be_bytes();
    let extended = if flags & 0x10 == 0 { &length[1..] } else { &length };
    [&[flags, kind][..], extended, value].concat()
}
