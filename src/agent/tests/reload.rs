//! A configuration that is read again: what is ordered for it, and what is shown of it.

use super::*;
use crate::config::{Faults, Vm};
use crate::route::{AttributeOverrides, Ladder, Mark};

/// An agent whose one VM runs and is announced.
fn settled() -> Rig {
    let mut rig = Rig::new(Transport::Child);
    rig.exabgp_answers(Vec::new());
    rig.connects(1, 0.0);
    rig.lists(1, 1.0, Some(running()));
    // Another domain runs, and is nobody's.
    rig.tells_of(Uuid::from_u128(2), "db-1", 2.0, LifecycleKind::Resumed(crate::vm::ResumedDetail::Unpaused));
    assert_eq!(rig.commands().len(), 1);
    rig
}

fn reload(rig: &mut Rig, change: impl FnOnce(&mut Config)) -> Vec<String> {
    let mut config = (*rig.agent.config).clone();
    change(&mut config);
    // As a file that is read again has it: nothing is shared with what runs.
    for vm in config.vms.values_mut() {
        *vm = Arc::new(Vm::clone(vm));
    }
    rig.agent.command(Command::Reload(Ok(Box::new(config))));
    rig.commands()
}

fn refuse(rig: &mut Rig) -> Faults {
    let faults = Config::load(std::path::Path::new("/no/such/file")).unwrap_err();
    rig.agent.command(Command::Reload(Err(faults.clone())));
    faults
}

#[test]
fn a_vm_that_is_added_while_it_runs_is_announced_at_once_and_a_removed_one_withdrawn() {
    let mut rig = settled();
    let (name, vm) = sample::configured("db-1", &["198.51.100.20"]);
    let added = reload(&mut rig, |config| drop(config.vms.insert(name.clone(), vm)));
    assert_eq!(added.len(), 1, "{added:?}");
    assert!(added[0].starts_with("announce route 198.51.100.20/32 "), "{added:?}");
    assert!(rig.published().vms[&name].managed);

    let removed = reload(&mut rig, |config| drop(config.vms.remove(&name)));
    assert_eq!(removed.len(), 1, "{removed:?}");
    assert!(removed[0].starts_with("withdraw route 198.51.100.20/32"), "{removed:?}");
    assert!(!rig.published().vms[&name].managed);
}

#[test]
fn changed_attributes_are_one_announce_and_what_is_the_same_is_none() {
    let mut rig = settled();
    assert_eq!(reload(&mut rig, |_| ()), Vec::<String>::new());
    let changed = reload(&mut rig, |config| {
        let vm = config.vms.get_mut(&VmName::new("web-1")).unwrap();
        let communities = ["65101:7".parse().unwrap()].into();
        let attributes = AttributeOverrides { communities, ..AttributeOverrides::default() };
        *vm = Arc::new(Vm { attributes, ..(**vm).clone() });
    });
    assert_eq!(changed.len(), 1, "{changed:?}");
    assert!(changed[0].starts_with("announce route 198.51.100.10/32 "), "{changed:?}");
    assert!(changed[0].contains("65101:7"), "{changed:?}");
}

#[test]
fn an_address_that_goes_from_one_vm_to_another_stays_announced() {
    let mut rig = settled();
    let moved = reload(&mut rig, |config| {
        config.vms.clear();
        config.vms.extend([sample::configured("db-1", &["198.51.100.10"])]);
    });
    assert!(moved.iter().all(|command| command.starts_with("announce ")), "{moved:?}");
    let snapshot = rig.published();
    let prefix = "198.51.100.10/32".parse().unwrap();
    assert_eq!(snapshot.routes[&prefix].vm, Some(VmName::new("db-1")));
}

#[test]
fn a_held_vm_is_withdrawn_and_comes_back() {
    let mut rig = settled();
    let web = VmName::new("web-1");
    let held = reload(&mut rig, |config| config.hold = [web].into());
    assert!(held.len() == 1 && held[0].starts_with("withdraw "), "{held:?}");
    let back = reload(&mut rig, |config| config.hold.clear());
    assert!(back.len() == 1 && back[0].starts_with("announce "), "{back:?}");
}

#[test]
fn a_refused_reload_keeps_what_runs_and_shows_every_fault() {
    let mut rig = settled();
    let before = rig.published();
    let faults = refuse(&mut rig);
    assert_eq!(rig.commands(), Vec::<String>::new());
    let after = rig.published();
    let shown: Vec<String> = faults.iter().map(ToString::to_string).collect();
    assert_eq!(after.config_status.errors, shown);
    assert_eq!(after.config_status.loaded_at, before.config_status.loaded_at);
    assert!(Arc::ptr_eq(&after.config, &before.config));
    reload(&mut rig, |_| ());
    assert_eq!(rig.published().config_status.errors, Vec::<String>::new());
}

#[test]
fn what_takes_a_restart_is_named_and_goes_on_as_it_was() {
    let mut rig = settled();
    let commands = reload(&mut rig, |config| {
        config.libvirt.uri = "qemu:///session".to_owned();
        config.bgp.next_hop = NextHop::Address("192.0.2.1".parse().unwrap());
        config.mobility.standby = false;
    });
    assert_eq!(commands, Vec::<String>::new());
    let snapshot = rig.published();
    assert_eq!(snapshot.config_status.wait_for_restart, ["libvirt.uri", "bgp.next_hop"]);
    assert_eq!(snapshot.config.libvirt.uri, "qemu:///system");
    assert!(!snapshot.config.mobility.standby, "the rest is in force");
}

#[test]
fn beside_another_mark_or_as_nothing_that_was_judged_with_it_is_in_force() {
    let mut rig = settled();
    let (name, vm) = sample::configured("db-1", &["198.51.100.20"]);
    let commands = reload(&mut rig, |config| {
        let mark = Mark { mark: 83, ..config.bgp.ladder.mark() };
        config.bgp.ladder = Ladder::new(mark, 3, &Default::default()).unwrap();
        // Beside 83 it is anybody's; beside 82 it would speak of a rung.
        config.bgp.attributes.large_communities = ["65101:82:0".parse().unwrap()].into();
        config.vms.insert(name.clone(), vm);
        config.source.vms_sha256 = "cc".repeat(32);
    });
    assert_eq!(commands, Vec::<String>::new());
    let snapshot = rig.published();
    assert_eq!(snapshot.config_status.wait_for_restart, ["bgp.mark", "all else of bgp", "vms"]);
    assert_ne!(snapshot.config_status.vms_sha256, "cc".repeat(32));
    assert!(!snapshot.config.vms.contains_key(&name));
}

#[test]
fn an_event_tells_the_first_of_thousands_of_faults_and_how_many_more_there_are() {
    let errors: Vec<String> = (0..30).map(|number| number.to_string()).collect();
    let told = crate::agent::reload::told(&errors);
    assert_eq!((told.len(), told[0].as_str(), told[20].as_str()), (21, "0", "and 10 more"));
    assert_eq!(crate::agent::reload::told(&errors[..20]), errors[..20]);
}

#[test]
fn the_hash_of_the_map_that_is_in_force_is_shown() {
    let mut rig = settled();
    reload(&mut rig, |config| config.source.vms_sha256 = "cc".repeat(32));
    assert_eq!(rig.published().config_status.vms_sha256, "cc".repeat(32));
}
