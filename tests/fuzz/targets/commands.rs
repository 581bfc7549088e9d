//! Any configuration that is taken: whatever stands in it, names of VMs too, each line to ExaBGP is one command of ours,
//! about a VM's prefix that may be announced. So is each line of a last will.
//!
//! The input is the main file.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use roamd::config::{Config, Transport};
use roamd::exabgp::{Order, Reply, Report, Session, Settings};
use roamd::mobility::Mobility;
use roamd::plan::Step;
use roamd::route::Prefix;
use roamd::vm::{MigrationRole, PausedReason, RunningReason, Sighting, Uuid, VmState};

use crate::{grammar, switch};

/// Every rung but `unsure`, which comes with the last wills.
const STATES: [(VmState, Option<MigrationRole>); 4] = [
    (VmState::Paused(PausedReason::Migration), Some(MigrationRole::Destination)),
    (VmState::Running(RunningReason::Migrated), None),
    (VmState::Paused(PausedReason::User), None),
    (VmState::Paused(PausedReason::Migration), Some(MigrationRole::Source)),
];

pub fn run(data: &[u8]) {
    let Ok(config) = Config::from_bytes(Path::new("/nonexistent/roamd.yaml"), data.to_vec()) else { return };
    let config = Arc::new(config);
    let mut now = Instant::now();
    let settings = Settings { transport: Transport::Relay, ..Settings::from(&*config) };
    let mut world = World { session: Session::new(settings, now), now, allowed: allowed(&config) };
    world.answer();
    let mut mobility = Mobility::new(Arc::clone(&config), now);
    mobility.found(BTreeMap::new(), now);
    for (state, role) in STATES {
        now += Duration::from_secs(1);
        world.now = now;
        let sightings: Vec<Sighting> = (1..)
            .zip(config.vms.values())
            .map(|(number, vm)| {
                let uuid = vm.uuid.unwrap_or_else(|| Uuid::from_u128(number));
                Sighting { uuid, name: vm.name.clone(), state, role }
            })
            .collect();
        mobility.listed(now, &sightings);
        let routes: Vec<_> = config.vms.keys().flat_map(|vm| mobility.routes(vm)).collect();
        world.order(routes.iter().cloned().map(Step::Announce).collect());
        let gone =
            |route: usize| Step::Withdraw { prefix: routes[route].prefix, last: Some(routes[route].clone()) };
        world.order((0..routes.len()).step_by(2).map(gone).collect());
        let bare = |route: usize| Step::Withdraw { prefix: routes[route].prefix, last: None };
        world.order((1..routes.len()).step_by(2).map(bare).collect());
    }
}

/// What may be announced.
fn allowed(config: &Config) -> BTreeSet<Prefix> {
    let is_allowed = |prefix: &Prefix| match &config.bgp.allowed_prefixes {
        Some(allowed) => allowed.iter().any(|network| network.contains(&prefix.network())),
        None => true,
    };
    let announced = config.vms.iter().filter(|(name, _)| !config.hold.contains(*name));
    announced.flat_map(|(_, vm)| vm.service_ips.iter().copied()).filter(is_allowed).collect()
}

struct World {
    session: Session,
    now: Instant,
    allowed: BTreeSet<Prefix>,
}

impl World {
    fn order(&mut self, steps: Vec<Step>) {
        let ordered: BTreeSet<Prefix> = steps.iter().map(Step::prefix).collect();
        self.session.order(Order::Do(steps), self.now);
        assert_eq!(self.answer(), ordered, "each step is carried out");
    }

    /// An ExaBGP that answers all that it is told. Which steps are settled then.
    fn answer(&mut self) -> BTreeSet<Prefix> {
        let mut settled = BTreeSet::new();
        loop {
            let effects = self.session.effects();
            for report in effects.reports {
                if let Report::Settled { prefix, .. } = report {
                    settled.insert(prefix);
                }
            }
            for keep in effects.keeps {
                for line in keep.demotion.iter().chain(&keep.will) {
                    assert_eq!(
                        grammar::prefix_of(line),
                        Some(keep.prefix),
                        "a will is about its own prefix: {line}"
                    );
                }
            }
            if effects.write.is_empty() {
                return settled;
            }
            self.session.written(effects.through, self.now);
            for line in effects.write.strip_suffix('\n').expect("whole lines are written").split('\n') {
                if let Some(prefix) = grammar::prefix_of(line) {
                    assert!(self.allowed.contains(&prefix), "not to be announced: {line}");
                }
                for said in switch::answer(line).lines() {
                    self.session.reply(Reply::parse(said.as_bytes()), self.now);
                }
            }
        }
    }
}
