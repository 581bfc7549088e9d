//! A kernel as far as it matters here: what it refuses, and what vanishes with an interface.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::{Change, Operation, Reconciler, Refusal};
use crate::config::{Gateway, RouteTable};
use crate::host_routes::entries::{
    Index, Kernel, Link, Neighbor, NeighborKey, Route, RouteKey, Rule, Target, metric,
};
use crate::host_routes::{Order, Settings, Standing, Want, Wanted};
use crate::route::Prefix;
use crate::vm::nic::{InterfaceName, Mac};

const OURS: u8 = 82;
const THEIRS: u8 = 4;
const TABLES: [u32; 2] = [254, 82];
const ALLOWED: &str = "198.51.100.0/24";

/// Something that happens.
#[derive(Debug, Clone)]
pub(super) enum Act {
    /// The agent wants this for an address.
    Want(u8, Option<(u8, Standing)>),
    /// Somebody adds a route for an address: in which table, with which metric.
    Add(u8, usize, u32),
    /// Somebody removes whatever stands for an address in a table.
    Remove(u8, usize),
    /// Somebody sets a neighbour by hand.
    Neighbor(u8),
    /// Somebody forgets a neighbour.
    Forget(u8),
    /// A tap goes, or comes again.
    Tap(u8, bool),
    /// The bridge loses its routes, as when it is set down and up.
    Bounce,
    /// The kernel is looked at, and so much of what is to be done is done.
    Reconcile(usize),
}

impl Act {
    pub(super) fn any() -> impl Strategy<Value = Self> {
        let standing = prop_oneof![Just(Standing::Executes), Just(Standing::Waits)];
        let wanted = proptest::option::weighted(0.8, (0..3_u8, standing));
        prop_oneof![
            4 => (0..4_u8, wanted).prop_map(|(address, wanted)| Self::Want(address, wanted)),
            2 => (0..4_u8, 0..2_usize, prop_oneof![Just(0_u32), Just(100)])
                .prop_map(|(address, table, metric)| Self::Add(address, table, metric)),
            2 => (0..4_u8, 0..2_usize).prop_map(|(address, table)| Self::Remove(address, table)),
            1 => (0..4_u8).prop_map(Self::Neighbor),
            1 => (0..4_u8).prop_map(Self::Forget),
            1 => (0..3_u8, any::<bool>()).prop_map(|(tap, there)| Self::Tap(tap, there)),
            1 => Just(Self::Bounce),
            4 => (0..8_usize).prop_map(Self::Reconcile),
        ]
    }
}

pub(super) struct World {
    pub(super) now: Instant,
    links: BTreeMap<Index, Link>,
    routes: BTreeMap<RouteKey, Vec<Route>>,
    neighbors: BTreeMap<NeighborKey, Neighbor>,
    pub(super) rules: BTreeSet<Rule>,
    /// What others have set and not taken back.
    theirs: Vec<(RouteKey, Route)>,
}

fn address(number: u8) -> Prefix {
    format!("198.51.100.{}", 10 + number).parse().unwrap()
}

fn neighbor_of(number: u8) -> NeighborKey {
    (World::BRIDGE, address(number).network().addr())
}

fn link(name: &str, master: Option<Index>) -> Link {
    let name = InterfaceName::new(name).unwrap();
    let is_bridge = name.as_str() == "br0";
    Link { name, master, is_bridge, vrf_table: None, queue: None, mac: None }
}

fn refused(words: &str, is_gone: bool) -> Result<(), Refusal> {
    Err(Refusal { words: words.to_owned(), is_gone })
}

impl World {
    pub(super) const BRIDGE: Index = 2;
    const UPLINK: Index = 3;
    const TAPS: Index = 10;

    /// An uplink, and a bridge with three taps.
    pub(super) fn new() -> Self {
        let mut links =
            BTreeMap::from([(Self::BRIDGE, link("br0", None)), (Self::UPLINK, link("eth0", None))]);
        links.extend((0..3).map(|tap| (Self::TAPS + tap, link(&format!("vnet{tap}"), Some(Self::BRIDGE)))));
        Self {
            now: Instant::now(),
            links,
            routes: BTreeMap::new(),
            neighbors: BTreeMap::new(),
            rules: BTreeSet::new(),
            theirs: Vec::new(),
        }
    }

    pub(super) fn uplink() -> InterfaceName {
        InterfaceName::new("eth0").unwrap()
    }

    pub(super) fn reconciler(&self) -> Reconciler {
        let settings = Settings {
            protocol: OURS,
            table: RouteTable::Number(254),
            transit_table: 82,
            rule_priority: 82,
            uplinks: vec![Self::uplink()],
            gateway: Gateway { v4: None, v6: None, mac: None },
            allowed: vec![ALLOWED.parse().unwrap()],
            v4: true,
            v6: false,
        };
        Reconciler::new(settings, self.now)
    }

    pub(super) fn want(tap: &str, standing: Standing) -> Want {
        let number = tap.strip_prefix("vnet").and_then(|number| number.parse().ok()).unwrap();
        let mac = Mac::new([0x52, 0x54, 0, 0, 0, number]).unwrap();
        Want::Here(Wanted { tap: InterfaceName::new(tap).unwrap(), mac, standing })
    }

    pub(super) fn order(&self, reconciler: &mut Reconciler, prefix: &str, tap: &str, standing: Standing) {
        let changes = vec![(prefix.parse().unwrap(), Self::want(tap, standing))];
        reconciler.order(Order::Want { changes, complete: false }, self.now);
    }

    pub(super) fn complete(&self, reconciler: &mut Reconciler) {
        reconciler.order(Order::Want { changes: Vec::new(), complete: true }, self.now);
    }

    pub(super) fn kernel(&self) -> Kernel {
        let mut kernel = Kernel {
            routes: self.routes.clone(),
            neighbors: self.neighbors.clone(),
            rules: self.rules.clone(),
            ..Kernel::default()
        };
        for (index, link) in &self.links {
            kernel.links.insert(*index, link.clone());
        }
        kernel
    }

    pub(super) fn look(&self, reconciler: &mut Reconciler) {
        let extent = reconciler.extent(self.now);
        reconciler.looked(self.kernel(), extent, self.now, self.now);
    }

    /// Looks and acts for longer than anything is put off.
    pub(super) fn settle(&mut self, reconciler: &mut Reconciler) {
        for _ in 0..4 {
            self.look(reconciler);
            self.carry_out(reconciler, usize::MAX);
            self.now += Duration::from_secs(60);
        }
    }

    fn carry_out(&mut self, reconciler: &mut Reconciler, most: usize) {
        for operation in reconciler.operations(most) {
            let result = self.apply(&operation);
            reconciler.done(&operation, result, self.now);
        }
    }

    fn apply(&mut self, operation: &Operation) -> Result<(), Refusal> {
        match operation {
            Operation::SetNeighbor(key, _) if !self.links.contains_key(&key.0) => {
                return refused("No such device", true);
            }
            Operation::SetNeighbor(key, mac) => {
                self.neighbors.insert(*key, Neighbor { protocol: OURS, mac: Some(*mac), permanent: true });
            }
            Operation::RemoveNeighbor(key) => {
                if self.neighbors.remove(key).is_none() {
                    return refused("No such file or directory", true);
                }
            }
            Operation::AddRoute(key, target) => return self.add(*key, *target),
            Operation::RemoveRoute(key, metric) => {
                let there = self.routes.entry(*key).or_default();
                let before = there.len();
                there.retain(|route| route.protocol != OURS || route.metric != *metric);
                let removed = there.len() < before;
                self.routes.retain(|_, routes| !routes.is_empty());
                if !removed {
                    return refused("No such process", true);
                }
            }
            Operation::AddRule(rule) => {
                if !self.rules.insert(rule.clone()) {
                    return refused("File exists", false);
                }
            }
            Operation::RemoveRule(rule) => {
                if !self.rules.remove(rule) {
                    return refused("No such file or directory", true);
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, key: RouteKey, target: Target) -> Result<(), Refusal> {
        let device = match target {
            Target::Device { index, .. } => Some(index),
            Target::Blackhole | Target::Other => None,
        };
        if device.is_some_and(|index| !self.links.contains_key(&index)) {
            return refused("No such device", true);
        }
        let there = self.routes.entry(key).or_default();
        if there.iter().any(|route| route.metric == metric(key.prefix)) {
            return refused("File exists", false);
        }
        there.push(Route { protocol: OURS, metric: metric(key.prefix), target, device });
        Ok(())
    }

    pub(super) fn act(
        &mut self,
        act: &Act,
        reconciler: &mut Reconciler,
        wants: &mut BTreeMap<Prefix, Wanted>,
    ) {
        self.now += Duration::from_millis(7);
        let key = |number: u8, table: usize| {
            let prefix = address(number).network();
            RouteKey { table: TABLES[table], prefix }
        };
        match act {
            Act::Want(number, wanted) => {
                let prefix = address(*number);
                let want = wanted
                    .map_or(Want::Nothing, |(tap, standing)| Self::want(&format!("vnet{tap}"), standing));
                match &want {
                    Want::Here(wanted) => wants.insert(prefix, wanted.clone()),
                    Want::Nothing | Want::Unclear => wants.remove(&prefix),
                };
                reconciler.order(Order::Want { changes: vec![(prefix, want)], complete: false }, self.now);
            }
            Act::Add(number, table, metric) => {
                let key = key(*number, *table);
                let target = Target::Device { index: Self::UPLINK, gateway: None };
                let route = Route { protocol: THEIRS, metric: *metric, target, device: Some(Self::UPLINK) };
                let there = self.routes.entry(key).or_default();
                if there.iter().all(|other| other.metric != *metric) {
                    there.push(route);
                    self.theirs.push((key, route));
                }
                reconciler.changed(Change::Route(key, THEIRS), self.now);
            }
            Act::Remove(number, table) => {
                let key = key(*number, *table);
                self.routes.remove(&key);
                self.theirs.retain(|(theirs, _)| *theirs != key);
                reconciler.changed(Change::Route(key, OURS), self.now);
            }
            Act::Neighbor(number) => {
                let neighbor = Neighbor { protocol: OURS, mac: Mac::new([2; 6]), permanent: true };
                self.neighbors.insert(neighbor_of(*number), neighbor);
                reconciler.changed(Change::Neighbor(neighbor_of(*number), OURS), self.now);
            }
            Act::Forget(number) => {
                self.neighbors.remove(&neighbor_of(*number));
                reconciler.changed(Change::Neighbor(neighbor_of(*number), OURS), self.now);
            }
            Act::Tap(tap, true) => {
                let index = Self::TAPS + Index::from(*tap);
                let link = link(&format!("vnet{tap}"), Some(Self::BRIDGE));
                self.links.insert(index, link.clone());
                reconciler.changed(Change::Link(index, link), self.now);
            }
            Act::Tap(tap, false) => {
                let index = Self::TAPS + Index::from(*tap);
                if self.links.remove(&index).is_some() {
                    reconciler.changed(Change::LinkGone(index), self.now);
                }
            }
            Act::Bounce => {
                for routes in self.routes.values_mut() {
                    routes.retain(|route| route.device != Some(Self::BRIDGE));
                }
                self.routes.retain(|_, routes| !routes.is_empty());
                self.neighbors.retain(|(index, _), _| *index != Self::BRIDGE);
                reconciler.changed(Change::Link(Self::BRIDGE, link("br0", None)), self.now);
            }
            Act::Reconcile(most) => {
                if reconciler.look_at() <= self.now {
                    self.look(reconciler);
                }
                self.carry_out(reconciler, *most);
            }
        }
    }

    /// Whether all that others have set is there as they have set it.
    pub(super) fn theirs_is_untouched(&self) -> bool {
        let there = |(key, route): &(RouteKey, Route)| {
            self.routes.get(key).is_some_and(|routes| routes.contains(route))
        };
        self.theirs.iter().all(there)
    }

    /// What of ours is there and should not be, or should be there and is not.
    pub(super) fn difference_to(&self, wants: &BTreeMap<Prefix, Wanted>) -> Vec<String> {
        let frame = RouteKey { table: 82, prefix: ALLOWED.parse().unwrap() };
        let mut expected = BTreeMap::from([(frame, Target::Blackhole)]);
        let mut neighbors = BTreeMap::new();
        let reachable = |wanted: &Wanted| self.links.values().any(|link| link.name == wanted.tap);
        for (prefix, wanted) in wants.iter().filter(|(_, wanted)| reachable(wanted)) {
            let tables: &[u32] = match wanted.standing {
                Standing::Executes => &TABLES,
                Standing::Waits => &TABLES[1..],
            };
            for table in tables {
                let key = RouteKey { table: *table, prefix: prefix.network() };
                let taken = self.theirs.iter().any(|(theirs, route)| *theirs == key && route.metric == 0);
                if !taken {
                    expected.insert(key, Target::Device { index: Self::BRIDGE, gateway: None });
                }
            }
            neighbors.insert((Self::BRIDGE, prefix.network().addr()), Some(wanted.mac));
        }
        let all = self.routes.iter().flat_map(|(key, routes)| routes.iter().map(|route| (*key, *route)));
        let ours: BTreeMap<RouteKey, Target> =
            all.filter(|(_, route)| route.protocol == OURS).map(|(key, route)| (key, route.target)).collect();
        let found: BTreeMap<NeighborKey, Option<Mac>> =
            self.neighbors.iter().map(|(key, neighbor)| (*key, neighbor.mac)).collect();
        let mut differences = Vec::new();
        if ours != expected {
            differences.push(format!("routes: {ours:?} in place of {expected:?}"));
        }
        if found != neighbors {
            differences.push(format!("neighbours: {found:?} in place of {neighbors:?}"));
        }
        if self.rules.len() != 1 {
            differences.push(format!("rules: {:?}", self.rules));
        }
        differences
    }
}
