//! Properties over random interleavings of what libvirt does, what it tells, and what is lost on the way.

use proptest::prelude::*;

use super::*;
use crate::route::Routes;
use crate::vm::{DefinedDetail, PmSuspendedDetail, ShutdownDetail};

/// What may happen to a VM on one host, each as libvirt with QEMU was seen to tell it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Happening {
    Boot,
    BootPaused,
    Pause,
    Resume,
    Dump,
    Save,
    Restore,
    SleepAndWake,
    CopyBegins,
    CopyFails,
    CopyArrives,
    SwitchOver,
    SwitchOverFails,
    Left,
    Destroy,
    Crash,
}

const HAPPENINGS: [Happening; 16] = [
    Happening::Boot,
    Happening::BootPaused,
    Happening::Pause,
    Happening::Resume,
    Happening::Dump,
    Happening::Save,
    Happening::Restore,
    Happening::SleepAndWake,
    Happening::CopyBegins,
    Happening::CopyFails,
    Happening::CopyArrives,
    Happening::SwitchOver,
    Happening::SwitchOverFails,
    Happening::Left,
    Happening::Destroy,
    Happening::Crash,
];

impl Happening {
    /// The events and the state after each, if it can happen in `state`.
    #[allow(clippy::wildcard_enum_match_arm, reason = "what can't happen in a state tells nothing")]
    fn tells(self, state: VmState, incoming: bool) -> Vec<(LifecycleKind, VmState)> {
        let off = VmState::Shutoff(ShutoffReason::Destroyed);
        let runs = matches!(state, VmState::Running(_));
        let is_off = matches!(state, VmState::Shutoff(_));
        let user_paused = state == PAUSED;
        let migrating = state == MIGRATING;
        let running = VmState::Running;
        let suspended = LifecycleKind::Suspended(SuspendedDetail::Paused);
        let defined = LifecycleKind::Defined(DefinedDetail::Added);
        match self {
            Self::Boot if is_off => {
                vec![(UNPAUSED, RUNNING), (LifecycleKind::Started(StartedDetail::Booted), RUNNING)]
            }
            Self::BootPaused if is_off => {
                vec![(LifecycleKind::Started(StartedDetail::Booted), PAUSED), (suspended, PAUSED)]
            }
            Self::Pause if runs => vec![(suspended, PAUSED)],
            Self::Resume if user_paused => vec![(UNPAUSED, running(RunningReason::Unpaused))],
            Self::Dump if runs => vec![
                (suspended, VmState::Paused(PausedReason::Dump)),
                (UNPAUSED, running(RunningReason::Unpaused)),
            ],
            Self::Save if runs => vec![
                (suspended, VmState::Paused(PausedReason::Save)),
                (LifecycleKind::Stopped(StoppedDetail::Saved), VmState::Shutoff(ShutoffReason::Saved)),
            ],
            Self::Restore if is_off => vec![
                (LifecycleKind::Started(StartedDetail::Restored), MIGRATING),
                (LifecycleKind::Resumed(ResumedDetail::FromSnapshot), running(RunningReason::Restored)),
            ],
            Self::SleepAndWake if runs => vec![
                (
                    LifecycleKind::PmSuspended(PmSuspendedDetail::Memory),
                    VmState::PmSuspended(crate::vm::PlainReason::Unknown),
                ),
                (LifecycleKind::Started(StartedDetail::Wakeup), running(RunningReason::Wakeup)),
            ],
            Self::CopyBegins if is_off => vec![(INCOMING, MIGRATING)],
            Self::CopyFails if migrating && incoming => vec![(FAILED, off)],
            Self::CopyArrives if migrating && incoming => {
                vec![(defined, MIGRATING), (ARRIVES, running(RunningReason::Migrated))]
            }
            Self::SwitchOver if runs => vec![(LEAVES, MIGRATING)],
            Self::SwitchOverFails if migrating && !incoming => {
                vec![(UNPAUSED, running(RunningReason::MigrationCanceled))]
            }
            Self::Left if migrating && !incoming => vec![(LEFT, VmState::Shutoff(ShutoffReason::Migrated))],
            Self::Destroy if !is_off => vec![
                (LifecycleKind::Shutdown(ShutdownDetail::Host), off),
                (LifecycleKind::Stopped(StoppedDetail::Destroyed), off),
            ],
            Self::Crash if runs => vec![(FAILED, VmState::Shutoff(ShutoffReason::Crashed))],
            _ => Vec::new(),
        }
    }
}

/// A VM as it really is, beside the core that is told of it.
pub(super) struct World {
    pub(super) host: Host,
    state: VmState,
    incoming: bool,
}

impl World {
    pub(super) fn new(config: &Config) -> Self {
        let state = VmState::Shutoff(ShutoffReason::Shutdown);
        let mut host = Host::unlisted(config.clone());
        host.mobility.found(BTreeMap::new(), host.now);
        host.list(&[state]);
        Self { host, state, incoming: false }
    }

    /// Lets it happen; `told` says whether the events arrive. Looks are answered with the truth of that moment.
    pub(super) fn happens(&mut self, happening: Happening, told: bool) {
        for (kind, state) in happening.tells(self.state, self.incoming) {
            self.state = state;
            self.incoming = match happening {
                Happening::CopyBegins | Happening::Restore => true,
                Happening::SwitchOver => false,
                Happening::Boot
                | Happening::BootPaused
                | Happening::Pause
                | Happening::Resume
                | Happening::Dump
                | Happening::Save
                | Happening::SleepAndWake
                | Happening::CopyFails
                | Happening::CopyArrives
                | Happening::SwitchOverFails
                | Happening::Left
                | Happening::Destroy
                | Happening::Crash => self.incoming,
            };
            if told {
                let effects = self.host.event(kind);
                if effects.look.contains(&VM) {
                    self.look();
                }
            }
        }
    }

    fn look(&mut self) {
        let role = (self.state == MIGRATING).then_some(if self.incoming {
            crate::vm::MigrationRole::Destination
        } else {
            crate::vm::MigrationRole::Source
        });
        self.host.look(self.state, role);
    }

    pub(super) fn list(&mut self) {
        let effects = self.host.list(&[self.state]);
        if effects.look.contains(&VM) {
            self.look();
        }
    }

    pub(super) fn routes(&self) -> Routes {
        self.host.mobility.routes(&web()).into_iter().map(|route| (route.prefix, route)).collect()
    }

    /// Whether the VM executes here, by the real state; a dump or snapshot pause counts as executing.
    fn executes(&self) -> bool {
        matches!(
            self.state,
            VmState::Running(_) | VmState::Paused(PausedReason::Dump | PausedReason::Snapshot)
        )
    }

    /// An agent that has just started, lists once, and finds the routes that this one has put into ExaBGP.
    fn restarted(&self, config: &Config) -> Self {
        let mut host = Host::unlisted(config.clone());
        host.now = self.host.now;
        let table = self.routes().values().map(|route| (route.prefix, route.rung)).collect();
        host.mobility.found(table, host.now);
        let mut world = Self { host, state: self.state, incoming: self.incoming };
        world.list();
        world
    }
}

pub(super) fn config() -> Config {
    sample::config([sample::configured("web-1", &["198.51.100.10", "203.0.113.7"])])
}

pub(super) fn happenings() -> impl Strategy<Value = Vec<(Happening, bool, u64)>> {
    // Each: what happens, whether its events are lost, how many seconds pass first.
    let one = (prop::sample::select(HAPPENINGS.as_slice()), prop::bool::weighted(0.2), 0..120_u64);
    prop::collection::vec(one, 1..40)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Invariant: replaying events and listing domains, given the same ExaBGP table, end in the same routes.
    #[test]
    fn an_agent_that_only_lists_wants_the_same_routes(steps in happenings()) {
        let config = config();
        let mut world = World::new(&config);
        for (happening, _, seconds) in steps {
            world.host.pass(Duration::from_secs(seconds));
            world.happens(happening, true);
            let restarted = world.restarted(&config);
            prop_assert_eq!(restarted.routes(), world.routes(), "after {:?}", happening);
        }
    }

    /// Whatever events are lost, a list ends in what is true: what executes is announced above `unsure`, what
    /// does not is at most on standby, what is off has no route.
    #[test]
    fn a_list_ends_in_the_truth_whatever_was_lost(steps in happenings()) {
        let config = config();
        let mut world = World::new(&config);
        for (happening, lost, seconds) in steps {
            world.host.pass(Duration::from_secs(seconds));
            world.happens(happening, !lost);
            world.list();
            let rung = world.host.rung();
            if world.executes() {
                prop_assert!(rung.is_some_and(|rung| rung < Rung::Unsure), "{:?} in {}", rung, world.state);
            } else if matches!(world.state, VmState::Shutoff(_)) {
                prop_assert_eq!(rung, None);
            } else {
                prop_assert!(rung.is_none_or(|rung| rung > Rung::Unsure), "{:?} in {}", rung, world.state);
            }
        }
    }

    /// With every event told, the routes are right after each one, without any list.
    #[test]
    fn events_alone_end_in_the_truth(steps in happenings()) {
        let config = config();
        let mut world = World::new(&config);
        for (happening, _, seconds) in steps {
            world.host.pass(Duration::from_secs(seconds));
            world.happens(happening, true);
            let above = world.host.rung().is_some_and(|rung| rung < Rung::Unsure);
            prop_assert_eq!(above, world.executes(), "after {:?} in {}", happening, world.state);
        }
    }

    /// Invariant: no route outside `allowed_prefixes`, of an unmanaged or held VM, or of another uuid.
    #[test]
    fn nothing_forbidden_is_ever_wanted(
        steps in happenings(),
        held in any::<bool>(),
        pinned in any::<Option<bool>>(),
        limited in any::<bool>(),
    ) {
        let (name, vm) = sample::configured("web-1", &["198.51.100.10", "203.0.113.7"]);
        let uuid = pinned.map(|right| if right { VM } else { OTHER });
        let mut config = sample::config([(name, Arc::new(Vm { uuid, ..(*vm).clone() }))]);
        if held {
            config.hold.insert(web());
        }
        if limited {
            config.bgp.allowed_prefixes = Some(vec!["198.51.100.0/24".parse().unwrap()]);
        }
        let mut world = World::new(&config);
        for (happening, lost, seconds) in steps {
            world.host.pass(Duration::from_secs(seconds));
            world.happens(happening, !lost);
            let routes = world.routes();
            prop_assert!(routes.is_empty() || !(held || pinned == Some(false)));
            let outside: Prefix = "203.0.113.7".parse().unwrap();
            prop_assert!(!limited || !routes.contains_key(&outside));
            world.host.event_of(Uuid::from_u128(3), "stranger", UNPAUSED);
            prop_assert!(world.host.mobility.routes(&VmName::new("stranger")).is_empty());
        }
    }
}
