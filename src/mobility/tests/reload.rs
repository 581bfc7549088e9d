//! Another configuration takes the place of the one that runs: it must come to what a start with it would have come to.

use proptest::prelude::*;

use super::interleavings::{World, happenings};
use super::*;
use crate::config::Frozen;
use crate::route::Routes;

const NAMES: [&str; 3] = ["web-1", "web-2", "web-3"];
const PREFIXES: [&str; 4] = ["198.51.100.10", "198.51.100.20", "198.51.100.32/28", "203.0.113.7"];

/// A configuration out of a few VMs, addresses and identities, so that two of them often collide.
fn configs() -> impl Strategy<Value = Config> {
    let owners = prop::array::uniform4(prop::option::of(0..NAMES.len()));
    let pins = prop::array::uniform2(prop::option::of(0..NAMES.len()));
    let held = prop::option::weighted(0.2, 0..NAMES.len());
    let frozen = prop::sample::select(vec![Frozen::Standby, Frozen::Active, Frozen::Withdraw]);
    (owners, pins, held, any::<bool>(), any::<bool>(), frozen, 0..3_u32).prop_map(
        |(owners, pins, held, limited, standby, frozen, med)| {
            let mut vms = BTreeMap::new();
            for (number, name) in NAMES.into_iter().enumerate() {
                let theirs = PREFIXES.iter().zip(owners).filter(|(_, owner)| *owner == Some(number));
                let prefixes: Vec<&str> = theirs.map(|(prefix, _)| *prefix).collect();
                if prefixes.is_empty() {
                    continue;
                }
                let (name, vm) = sample::configured(name, &prefixes);
                let pinned = [VM, OTHER].into_iter().zip(pins).find(|(_, owner)| *owner == Some(number));
                vms.insert(name, Arc::new(Vm { uuid: pinned.map(|(uuid, _)| uuid), ..(*vm).clone() }));
            }
            let mut config = sample::config(vms);
            config.hold = held.map(|number| VmName::new(NAMES[number])).into_iter().collect();
            config.bgp.allowed_prefixes = limited.then(|| vec!["198.51.100.0/24".parse().unwrap()]);
            config.bgp.attributes.communities =
                (0..med).map(|number| format!("65101:{number}").parse().unwrap()).collect();
            config.mobility.standby = standby;
            config.mobility.frozen = frozen;
            config
        },
    )
}

fn all_routes(mobility: &Mobility) -> Routes {
    let routes = NAMES.into_iter().flat_map(|name| mobility.routes(&VmName::new(name)));
    routes.map(|route| (route.prefix, route)).collect()
}

/// What can be known of the domains from outside.
fn residents(mobility: &Mobility) -> Vec<Resident> {
    let resident = |track: &Track| {
        let best = mobility.watch.best_rung(track.informed_at);
        Some(Resident { uuid: track.uuid, name: track.name.clone(), presence: track.presence?, best })
    };
    mobility.tracks.values().filter_map(resident).collect()
}

/// Another domain, of which only events tell.
fn also(world: &mut World, number: usize) {
    const KINDS: [LifecycleKind; 4] = [UNPAUSED, INCOMING, LEAVES, LEFT];
    world.host.event_of(OTHER, NAMES[number % 3], KINDS[number % 4]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_reload_ends_in_the_routes_of_a_start_with_the_new_configuration(
        configs in (configs(), configs()),
        before in happenings(),
        after in happenings(),
        others in prop::collection::vec(0..12_usize, 0..4),
    ) {
        let (running, next) = configs;
        let [mut world, mut fresh] = [&running, &next].map(World::new);
        for (happening, lost, seconds) in before {
            for world in [&mut world, &mut fresh] {
                world.host.pass(Duration::from_secs(seconds));
                world.happens(happening, !lost);
            }
        }
        for number in others {
            for world in [&mut world, &mut fresh] {
                also(world, number);
            }
        }
        let was = all_routes(&world.host.mobility);
        let here = residents(&world.host.mobility);
        let foretold = difference(&running, &next, Scope::Here(&here));
        let mut config = next.clone();
        config.libvirt.resync = Duration::from_secs(86_400);
        let told = world.host.mobility.reconfigure(Arc::new(config));
        let is = all_routes(&world.host.mobility);
        prop_assert_eq!(&is, &all_routes(&fresh.host.mobility));
        // Whoever does what is told does all that changed.
        for prefix in was.keys().chain(is.keys()).filter(|prefix| was.get(prefix) != is.get(prefix)) {
            let owner = world.host.mobility.owner(*prefix);
            let touched = owner.is_some_and(|vm| told.effects.touched.contains(vm));
            prop_assert!(touched || told.gone.contains(prefix), "{prefix} changed untold");
        }
        // And it is what was told before.
        let stands = |side: &Option<Side>| side.clone().map(|side| (side.vm, side.preference));
        let changed: Vec<_> = foretold
            .changes
            .iter()
            .map(|change| (change.prefix, stands(&change.before), stands(&change.after)))
            .collect();
        let differs = |prefix: &&Prefix| was.get(*prefix) != is.get(*prefix);
        let prefixes: BTreeSet<Prefix> = was.keys().chain(is.keys()).filter(differs).copied().collect();
        let stood = |routes: &Routes, prefix| routes.get(prefix).map(|route| (route.vm.clone(), Some(route.rung)));
        let expected: Vec<_> =
            prefixes.iter().map(|prefix| (*prefix, stood(&was, prefix), stood(&is, prefix))).collect();
        prop_assert_eq!(changed, expected);
        for (happening, lost, seconds) in after {
            for world in [&mut world, &mut fresh] {
                world.host.pass(Duration::from_secs(seconds));
                world.happens(happening, !lost);
            }
            prop_assert_eq!(all_routes(&world.host.mobility), all_routes(&fresh.host.mobility));
        }
    }

    #[test]
    fn a_reload_of_the_same_touches_nothing(config in configs(), steps in happenings()) {
        let mut world = World::new(&config);
        for (happening, lost, seconds) in steps {
            world.host.pass(Duration::from_secs(seconds));
            world.happens(happening, !lost);
        }
        let here = residents(&world.host.mobility);
        for scope in [Scope::Here(&here), Scope::Anywhere] {
            prop_assert_eq!(difference(&config, &config, scope), Difference::default());
        }
        let same = Arc::clone(&world.host.mobility.config);
        let again = Config { libvirt: same.libvirt.clone(), ..config };
        let (again, waiting) = again.in_place_of(&same);
        prop_assert_eq!(waiting, Vec::<&str>::new());
        prop_assert_eq!(world.host.mobility.reconfigure(Arc::new(again)), Reconfigured::default());
    }
}

#[test]
fn one_changed_vm_is_all_that_is_touched() {
    let vms = [("web-1", "198.51.100.10"), ("web-2", "198.51.100.20")]
        .map(|(name, ip)| sample::configured(name, &[ip]));
    let mut host = Host::unlisted(sample::config(vms));
    host.list(&[RUNNING]);
    let changed = sample::configured("web-2", &["198.51.100.21"]);
    let (first, _) = sample::configured("web-1", &["198.51.100.10"]);
    let mut next = (*host.mobility.config).clone();
    next.vms.insert(changed.0.clone(), changed.1);
    let told = host.mobility.reconfigure(Arc::new(next));
    assert_eq!(told.effects.touched, [changed.0.clone()].into());
    assert_eq!((told.vms, told.gone), ([changed.0].into(), vec!["198.51.100.20".parse().unwrap()]));
    assert_eq!(host.mobility.rung(&first), Some(Rung::Active));
}

#[test]
fn what_every_route_is_made_of_touches_all_that_are_here() {
    let changes: [fn(&mut Config); 2] =
        [|config| config.bgp.prepend_step = 5, |config| config.mobility.frozen = Frozen::Active];
    for change in changes {
        let vms = [("web-1", "198.51.100.10"), ("web-2", "198.51.100.20")]
            .map(|(name, ip)| sample::configured(name, &[ip]));
        let mut host = Host::unlisted(sample::config(vms));
        host.list(&[RUNNING]);
        let mut next = (*host.mobility.config).clone();
        change(&mut next);
        assert_eq!(host.mobility.reconfigure(Arc::new(next)).effects.touched, [web()].into());
    }
}

#[test]
fn a_domain_that_is_another_vm_from_now_on_is_named_with_both() {
    let [web, db] = [("web-1", "198.51.100.10"), ("db-1", "198.51.100.20")]
        .map(|(name, ip)| sample::configured(name, &[ip]));
    let mut host = Host::unlisted(sample::config([web.clone(), db.clone()]));
    host.list(&[RUNNING]);
    let mut next = (*host.mobility.config).clone();
    next.vms.insert(db.0.clone(), Arc::new(Vm { uuid: Some(VM), ..(*db.1).clone() }));
    let told = host.mobility.reconfigure(Arc::new(next));
    assert_eq!((told.domains, told.effects.touched), ([VM].into(), [web.0, db.0.clone()].into()));
    assert_eq!((host.rung(), host.mobility.rung(&db.0)), (None, Some(Rung::Active)));
}
