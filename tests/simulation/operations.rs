//! What is done to a fleet: one operation a line, so that a list of them can be kept, shortened and run again.

use std::fmt;
use std::str::FromStr;

use crate::clock::{MS, SECOND, Time};
use crate::random::Random;

/// An enum of which every value has a name.
macro_rules! names {
    ($(#[$doc:meta])* $name:ident { $($(#[$of:meta])* $variant:ident = $text:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum $name { $($(#[$of])* $variant,)+ }

        impl $name {
            pub(crate) const ALL: &'static [Self] = &[$(Self::$variant,)+];

            pub(crate) const fn name(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            fn parse(text: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|one| one.name() == text)
            }
        }
    };
}

names! {
    /// What is done; `who` is a VM or a host, `to` a host, `ms` how long it lasts.
    Verb {
        Start = "start",
        StartPaused = "start-paused",
        Shutdown = "shutdown",
        Destroy = "destroy",
        KillQemu = "kill-qemu",
        Suspend = "suspend",
        Resume = "resume",
        Dump = "dump",
        Save = "save",
        Restore = "restore",
        Sleep = "sleep",
        Wake = "wake",
        Panic = "panic",
        IoError = "io-error",
        /// Its definition goes; it runs on as a transient one.
        Undefine = "undefine",
        Migrate = "migrate",
        MoveOffline = "move-offline",
        /// Started on another host, because its own is out of reach.
        Rescue = "rescue",
        KillAgent = "kill-agent",
        StopAgent = "stop-agent",
        HangAgent = "hang-agent",
        /// Another VM is held, released, or left out of the configuration.
        Reload = "reload",
        KillRelay = "kill-relay",
        HangRelay = "hang-relay",
        KillExabgp = "kill-exabgp",
        HangExabgp = "hang-exabgp",
        KillLibvirtd = "kill-libvirtd",
        HangLibvirtd = "hang-libvirtd",
        CrashHost = "crash-host",
        FreezeHost = "freeze-host",
        Partition = "partition",
        ResetSession = "reset-session",
        StepClock = "step-clock",
    }
}

names! {
    /// Kinds of live migration, as far as libvirt tells them differently.
    Mode {
        Precopy = "precopy",
        PeerToPeer = "p2p",
        Postcopy = "postcopy",
        /// `--suspend`
        Paused = "paused",
        /// `--persistent --undefinesource`
        Persistent = "persistent",
    }
}

names! {
    /// How a migration ends, if nothing else comes in between.
    Fate {
        Done = "done",
        PrepareFails = "prepare-fails",
        Cancelled = "cancelled",
        DestinationDies = "destination-dies",
        /// Cancelled, or the destination's QEMU dies, after the source has stopped.
        FailsFrozen = "fails-frozen",
        /// The source is resumed by libvirt's other path, which tells `RESUMED/UNPAUSED`.
        UnpausedFrozen = "unpaused-frozen",
        /// The same, and the copy is not given up by itself: it is destroyed.
        DestroyedFrozen = "destroyed-frozen",
        /// Post-copy: the switch fails before the destination runs.
        SwitchFails = "switch-fails",
        /// Post-copy: the destination dies while it fetches memory, and the VM with it.
        FetchDies = "fetch-dies",
        /// Post-copy: the link is lost while it fetches memory, and the migration is recovered.
        FetchBreaks = "fetch-breaks",
    }
}

/// Something that is done at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) at: Time,
    pub(crate) verb: Verb,
    pub(crate) who: usize,
    pub(crate) to: usize,
    pub(crate) ms: u64,
    pub(crate) mode: Mode,
    pub(crate) fate: Fate,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, verb, who, to, ms, mode, fate } = self;
        write!(f, "{at} {} {who} {to} {ms} {} {}", verb.name(), mode.name(), fate.name())
    }
}

/// A line that is no operation.
#[derive(Debug)]
pub(crate) struct NoOperation;

impl FromStr for Operation {
    type Err = NoOperation;

    fn from_str(line: &str) -> Result<Self, NoOperation> {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        let [at, verb, who, to, ms, mode, fate] = words[..] else { return Err(NoOperation) };
        Ok(Self {
            at: at.parse().map_err(|_| NoOperation)?,
            verb: Verb::parse(verb).ok_or(NoOperation)?,
            who: who.parse().map_err(|_| NoOperation)?,
            to: to.parse().map_err(|_| NoOperation)?,
            ms: ms.parse().map_err(|_| NoOperation)?,
            mode: Mode::parse(mode).ok_or(NoOperation)?,
            fate: Fate::parse(fate).ok_or(NoOperation)?,
        })
    }
}

/// How much of what is done harms a part, in a hundred operations.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Storm(pub(crate) u64);

/// How often what is done to VMs and to parts of hosts is chosen, by weight.
const TO_VMS: &[(Verb, u64)] = &[
    (Verb::Start, 24),
    (Verb::StartPaused, 3),
    (Verb::Shutdown, 6),
    (Verb::Destroy, 6),
    (Verb::KillQemu, 3),
    (Verb::Suspend, 5),
    (Verb::Resume, 10),
    (Verb::Dump, 3),
    (Verb::Save, 3),
    (Verb::Restore, 6),
    (Verb::Sleep, 3),
    (Verb::Wake, 5),
    (Verb::Panic, 2),
    (Verb::IoError, 2),
    (Verb::Undefine, 1),
    (Verb::Migrate, 60),
    (Verb::MoveOffline, 3),
    (Verb::Rescue, 6),
];

const TO_PARTS: &[(Verb, u64)] = &[
    (Verb::KillAgent, 20),
    (Verb::StopAgent, 6),
    (Verb::HangAgent, 10),
    (Verb::Reload, 10),
    (Verb::KillRelay, 12),
    (Verb::HangRelay, 4),
    (Verb::KillExabgp, 10),
    (Verb::HangExabgp, 6),
    (Verb::KillLibvirtd, 14),
    (Verb::HangLibvirtd, 8),
    (Verb::CrashHost, 6),
    (Verb::FreezeHost, 5),
    (Verb::Partition, 8),
    (Verb::ResetSession, 8),
    (Verb::StepClock, 4),
];

fn choose(from: &[(Verb, u64)], random: &mut Random) -> Verb {
    let sum: u64 = from.iter().map(|(_, weight)| weight).sum();
    let mut left = random.between(0, sum - 1);
    for (verb, weight) in from {
        if left < *weight {
            return *verb;
        }
        left -= weight;
    }
    unreachable!("the weights add up")
}

/// How long something lasts: moments, seconds, about as long as a lease, or longer than every lease.
fn lasting(random: &mut Random, lease: Time) -> u64 {
    let lease = lease / MS;
    match random.between(0, 9) {
        0..=2 => random.between(20, 1_000),
        3..=5 => random.between(1_000, 6_000),
        6..=8 => random.between(lease / 2, lease + lease / 2),
        _ => random.between(lease, 4 * lease),
    }
}

/// A list of operations over `length`, in bursts and with pauses in which everything can settle.
pub(crate) fn generate(
    random: &mut Random,
    (vms, hosts): (usize, usize),
    (length, lease): (Time, Time),
    Storm(storm): Storm,
) -> Vec<Operation> {
    let mut at = SECOND;
    let mut all = Vec::new();
    while at < length {
        let harms = random.percent(storm);
        let verb = choose(if harms { TO_PARTS } else { TO_VMS }, random);
        let fate = if random.percent(60) { Fate::Done } else { Fate::ALL[random.index(Fate::ALL.len())] };
        let ms = if verb == Verb::Migrate && random.percent(70) {
            random.between(50, 3_000)
        } else {
            lasting(random, lease)
        };
        all.push(Operation {
            at,
            verb,
            who: random.index(if harms { hosts } else { vms }),
            to: random.index(hosts),
            ms,
            mode: Mode::ALL[random.index(Mode::ALL.len())],
            fate,
        });
        at += match random.between(0, 19) {
            0..=8 => random.between(0, SECOND / 2),
            9..=17 => random.between(SECOND / 2, 6 * SECOND),
            18 => random.between(6 * SECOND, 30 * SECOND),
            _ => random.between(30 * SECOND, 120 * SECOND),
        };
    }
    all
}
