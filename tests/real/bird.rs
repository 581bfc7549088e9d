//! BIRD as the top-of-rack switch: its table, and the record of what came and went.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::lab::Network;
use crate::process::Process;
use crate::{template, wait};

/// A BIRD with one BGP neighbor, the host.
///
/// `host` is the name of that session in its configuration.
pub(crate) struct Bird {
    dir: PathBuf,
    process: Option<Process>,
}

/// A route as BIRD shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BirdRoute {
    /// Every AS of the path, the host's own first.
    pub(crate) as_path: Vec<u32>,
    pub(crate) next_hop: String,
    pub(crate) med: Option<u32>,
    /// As the host sent it on an iBGP session; on an eBGP session BIRD's own default, 100.
    pub(crate) local_preference: Option<u32>,
    /// As `asn:value`.
    pub(crate) communities: BTreeSet<String>,
    /// As `asn:a:b`.
    pub(crate) large_communities: BTreeSet<String>,
}

impl BirdRoute {
    /// A route that the host announces by itself, with no attribute that need not be.
    pub(crate) fn plain(network: &Network) -> Self {
        Self {
            as_path: vec![Network::HOST_AS],
            next_hop: network.host.to_string(),
            med: None,
            local_preference: Some(100),
            communities: BTreeSet::new(),
            large_communities: BTreeSet::new(),
        }
    }
}

/// By prefix.
pub(crate) type Table = BTreeMap<String, BirdRoute>;

impl Bird {
    pub(crate) fn start(dir: &Path, network: &Network) -> Self {
        let dir = dir.join(format!("bird{}", network.tor.octets()[3]));
        fs::create_dir(&dir).expect("the directory is new");
        let mut text = template::filled(
            "bird/tor.conf.in",
            &[
                ("TOR_ADDRESS", &network.tor.to_string()),
                ("LEADS_TO", "ifname = \"lo\";"),
                ("SERVICE_V4", Network::SERVICE_V4),
                ("SERVICE_V6", Network::SERVICE_V6),
                ("LOOPBACKS", Network::LOOPBACKS),
                ("RUNGS_DECIDE", "false"),
                ("GRACEFUL_RESTART", "aware"),
                ("MAXIMUM", "20000"),
            ],
        );
        text += &template::filled(
            "bird/host.conf.in",
            &[
                ("HOST", "host"),
                ("SESSION", "hosts_both"),
                ("REACH", "multihop"),
                ("TOR_ADDRESS", &network.tor.to_string()),
                ("TOR_PORT", &network.tor_port.to_string()),
                ("TOR_AS", &network.tor_as.to_string()),
                ("HOST_ADDRESS", &network.host.to_string()),
                ("HOST_AS", &Network::HOST_AS.to_string()),
            ],
        );
        fs::write(dir.join("bird.conf"), text).expect("the configuration is written");
        let mut bird = Self { dir, process: None };
        bird.restart();
        bird
    }

    /// Where it listens to birdc.
    fn socket(&self) -> PathBuf {
        self.dir.join("bird.sock")
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.dir.join("bird.log")
    }

    /// Ends it; the session goes down.
    pub(crate) fn stop(&mut self) {
        self.process.as_mut().expect("BIRD runs").terminate();
        self.process = None;
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("BIRD runs").pid()
    }

    /// `kill -9`
    pub(crate) fn kill(&mut self) {
        self.process.take().expect("BIRD runs").kill();
    }

    /// Starts it again with an empty table.
    pub(crate) fn restart(&mut self) {
        let mut process = Process::start("bird", Path::new("/usr/sbin/bird"), &self.log(), |command| {
            command.arg("-f").arg("-c").arg(self.dir.join("bird.conf"));
            command.arg("-s").arg(self.socket()).arg("-P").arg(self.dir.join("bird.pid"));
        });
        wait::until("BIRD answers", || {
            process.assert_alive();
            self.birdc("show status")
        });
        self.process = Some(process);
    }

    /// Replaces part of its configuration; it is not told.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        template::edit(&self.dir.join("bird.conf"), from, to);
    }

    /// Has it read its configuration again.
    pub(crate) fn configure(&self) {
        let said = self.birdc("configure").expect("BIRD answers");
        assert!(said.contains("Reconfigured") || said.contains("Reconfiguration in progress"), "{said}");
    }

    /// What it has from the host.
    pub(crate) fn table(&self) -> Result<Table, String> {
        parse(&self.birdc("show route all protocol host")?)
    }

    /// Since when the session with the host is up.
    pub(crate) fn up_since(&self) -> Result<UpSince, String> {
        // `host  BGP  ---  up  22:26:30.825  Established`
        let shown = self.birdc("show protocols host")?;
        let line = shown.lines().find(|line| line.starts_with("host ")).unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [_, _, _, "up", since, "Established"] => UpSince::parse(since),
            _ => Err(format!("the session is down: {shown}")),
        }
    }

    /// Sends the host everything once more.
    pub(crate) fn send_again(&self) -> Result<(), String> {
        self.birdc("reload out host").map(|_| ())
    }

    /// How much is recorded so far; for what happened since.
    pub(crate) fn mark(&self) -> usize {
        self.record().len()
    }

    /// The prefixes that the host took back since the mark, also those that it announced again at once.
    pub(crate) fn removed_since(&self, mark: usize) -> BTreeSet<String> {
        self.recorded_since(mark, " > removed ")
    }

    /// The prefixes that the host announced since the mark, also those that it announced again with a change.
    pub(crate) fn announced_since(&self, mark: usize) -> BTreeSet<String> {
        self.recorded_since(mark, " > added ")
    }

    /// From lines like `<TRACE> host.ipv4 > removed [sole] 198.51.100.10/32 0L 4G unicast`.
    fn recorded_since(&self, mark: usize, what: &str) -> BTreeSet<String> {
        let record = self.record();
        let lines = record[mark..].lines().filter_map(|line| line.split_once(what));
        lines.filter_map(|(_, rest)| rest.split_whitespace().nth(1)).map(str::to_owned).collect()
    }

    fn record(&self) -> String {
        fs::read_to_string(self.log()).expect("BIRD's log is text")
    }

    fn birdc(&self, command: &str) -> Result<String, String> {
        let output = Command::new("/usr/sbin/birdc")
            .arg("-s")
            .arg(self.socket())
            .args(command.split(' '))
            .output()
            .map_err(|error| format!("birdc does not start: {error}"))?;
        if output.status.success() {
            Ok(String::from_utf8_lossy(&output.stdout).into_owned())
        } else {
            Err(format!("birdc {command}: {}", String::from_utf8_lossy(&output.stderr)))
        }
    }
}

/// Reads `show route all`: a line that begins with a prefix, then indented attributes.
fn parse(text: &str) -> Result<Table, String> {
    let mut table = Table::new();
    let mut current: Option<(String, BirdRoute)> = None;
    for line in text.lines() {
        let first = line.split_whitespace().next().unwrap_or_default();
        if !line.starts_with(char::is_whitespace) && first.contains('/') {
            table.extend(current.take());
            let empty = BirdRoute {
                as_path: Vec::new(),
                next_hop: String::new(),
                med: None,
                local_preference: None,
                communities: BTreeSet::new(),
                large_communities: BTreeSet::new(),
            };
            current = Some((first.to_owned(), empty));
        }
        let (Some((_, route)), Some((key, value))) = (&mut current, line.trim().split_once(": ")) else {
            continue;
        };
        match key {
            "BGP.as_path" => route.as_path = value.split(' ').map(number).collect::<Result<_, _>>()?,
            "BGP.next_hop" => value.clone_into(&mut route.next_hop),
            "BGP.med" => route.med = Some(number(value)?),
            "BGP.local_pref" => route.local_preference = Some(number(value)?),
            "BGP.community" => route.communities = communities(value),
            "BGP.large_community" => route.large_communities = communities(value),
            _ => {}
        }
    }
    table.extend(current);
    Ok(table)
}

/// When a session came up, in milliseconds of the day.
///
/// BIRD works it out anew for each answer, from two clocks: the same moment may be shown a little earlier or later. The next
/// session of a neighbor can't begin so soon.
#[derive(Debug, Clone, Copy)]
pub(crate) struct UpSince(u32);

impl UpSince {
    const ERROR_MS: u32 = 20;

    /// Reads `22:26:30.825`.
    fn parse(text: &str) -> Result<Self, String> {
        let parts = text.split([':', '.']).map(number).collect::<Result<Vec<_>, _>>()?;
        let [hours, minutes, seconds, millis] = parts[..] else {
            return Err(format!("BIRD shows {text:?} for a time"));
        };
        Ok(Self(((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis))
    }
}

impl PartialEq for UpSince {
    fn eq(&self, other: &Self) -> bool {
        self.0.abs_diff(other.0) <= Self::ERROR_MS
    }
}

fn number(text: &str) -> Result<u32, String> {
    text.parse().map_err(|error| format!("BIRD shows {text:?} for a number: {error}"))
}

/// `(65101, 82, 0) (65101, 82, 1)` or `(65101,10)` as `65101:82:0` and so on.
fn communities(value: &str) -> BTreeSet<String> {
    value
        .split(')')
        .map(|part| part.trim_start_matches([' ', '(']).replace([' ', ','], ":").replace("::", ":"))
        .filter(|part| !part.is_empty())
        .collect()
}

#[test]
fn birds_table_is_read_as_it_is_shown() {
    let text = "BIRD 2.0.12 ready.\nTable master4:\n\
        192.0.2.1/32         unicast [host 19:49:29.595 from 127.82.0.1] * (100) [AS65101i]\n\
        \tdev lo\n\tBGP.as_path: 65101\n\tBGP.next_hop: 127.82.0.1\n\n\
        Table master6:\n\
        2001:db8:5::10/128   unicast [host 19:49:29.595 from 127.82.0.1] * (100/?) [AS65101i]\n\
        \tBGP.as_path: 65101 65101\n\tBGP.next_hop: 2001:db8:1::1\n\tBGP.med: 50\n\tBGP.local_pref: 140\n\
        \tBGP.community: (65101,10) (65535,0)\n\tBGP.large_community: (65101, 82, 0)\n";
    let table = parse(text).unwrap();
    assert_eq!(table.keys().collect::<Vec<_>>(), ["192.0.2.1/32", "2001:db8:5::10/128"]);
    let loopback = &table["192.0.2.1/32"];
    assert_eq!((loopback.as_path.as_slice(), loopback.med), ([65101].as_slice(), None));
    let v6 = &table["2001:db8:5::10/128"];
    assert_eq!((v6.as_path.len(), v6.med, v6.next_hop.as_str()), (2, Some(50), "2001:db8:1::1"));
    assert_eq!((loopback.local_preference, v6.local_preference), (None, Some(140)));
    assert_eq!(v6.communities, BTreeSet::from(["65101:10".to_owned(), "65535:0".to_owned()]));
    assert_eq!(v6.large_communities, BTreeSet::from(["65101:82:0".to_owned()]));
}

#[test]
fn two_answers_about_one_session_are_the_same_and_the_next_session_is_another() {
    let at = |text| UpSince::parse(text);
    assert_eq!(at("02:39:18.039"), at("02:39:18.040"));
    assert_eq!(at("02:39:17.999"), at("02:39:18.000"));
    assert_ne!(at("02:39:18.039"), at("02:39:18.539"));
    assert!(at("2026-11-22").is_err());
}
