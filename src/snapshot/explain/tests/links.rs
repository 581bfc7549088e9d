//! What is known of the VM, and what holds it back, link by link.

use super::super::super::LibvirtTrust;
use super::*;
use crate::config::Frozen;

#[test]
fn a_held_vm() {
    let mut host = host_with(Presence::Present, None);
    change_config(&mut host, |config| assert!(config.hold.insert(VmName::new("web"))));
    says(
        &host,
        Step::Configuration,
        "It is on this host's `hold` list: this host announces nothing for it until",
    );
    says(&host, Step::Preference, "a VM on the `hold` list has no rung");
    says(&host, Step::Route, "This host announces nothing for 198.51.100.10/32.");
    sums_up(&host, "web executes here, and is on the `hold` list, and this host announces nothing for it.");
}

#[test]
fn an_unmanaged_vm() {
    let vm = VmView { managed: false, ..sample::vm("web", Presence::Present, Vec::new()) };
    let host = sample::snapshot(sample::config([]), [vm]);
    says(&host, Step::Configuration, "gives web no service address: nothing is announced for it.");
    says(&host, Step::Identity, "libvirt knows it as the domain web with the uuid 6f2c3a52");
    says(&host, Step::Preference, "A VM that is not managed has no rung");
    sums_up(&host, "web executes here, and is not in the configuration, so nothing is announced for it.");
}

#[test]
fn a_vm_with_another_uuid_than_the_pinned_one() {
    let mut host = host_with(Presence::Present, None);
    let pin = "11111111-2222-3333-4444-555555555555".parse().unwrap();
    change_config(&mut host, |config| {
        Arc::make_mut(config.vms.get_mut(&VmName::new("web")).unwrap()).uuid = Some(pin);
    });
    change(&mut host, |vm| vm.managed = false);
    says(
        &host,
        Step::Configuration,
        "198.51.100.10, for the domain with the uuid 11111111-2222-3333-4444-555555555555 alone.",
    );
    says(
        &host,
        Step::Identity,
        "libvirt's domain web has the uuid 6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d, and only \
         11111111-2222-3333-4444-555555555555 may use these addresses",
    );
    sums_up(
        &host,
        "web executes here, and has another uuid than the configured one, so nothing is announced for it.",
    );
}

#[test]
fn a_pinned_vm_under_another_name() {
    let mut host = running();
    let pin = "6f2c3a52-98a1-4a0a-9d3c-0c0b1a2f3e4d".parse().unwrap();
    change_config(&mut host, |config| {
        Arc::make_mut(config.vms.get_mut(&VmName::new("web")).unwrap()).uuid = Some(pin);
    });
    change(&mut host, |vm| vm.domain = Some(VmName::new("web-renamed")));
    says(&host, Step::Identity, "libvirt's domain web-renamed is this VM by its uuid 6f2c3a52");
}

#[test]
fn a_configured_vm_that_was_never_seen() {
    let host = sample::snapshot(sample::config([configured("web", &["198.51.100.10"])]), []);
    says(&host, Step::Identity, "libvirt shows no domain web on this host.");
    says(&host, Step::Presence, "web is not here: it is `absent`.");
    says(&host, Step::Preference, "no rung, and no route.");
    says(&host, Step::Route, "This host announces nothing for 198.51.100.10/32.");
    sums_up(&host, "web is not here, and this host announces nothing for it.");
}

#[test]
fn before_the_first_list_nobody_knows() {
    let mut host = running();
    host.libvirt.trust = LibvirtTrust::Unlisted;
    change(&mut host, |vm| {
        (vm.presence, vm.since, vm.cause, vm.domain) = (Presence::Absent, None, None, None);
    });
    says(
        &host,
        Step::Libvirt,
        "Until it is listed for the first time routes stay as they were found in ExaBGP.",
    );
    says(&host, Step::Identity, "whether the VM is here nobody knows yet");
    says(
        &host,
        Step::Preference,
        "Until libvirt tells of it, its routes keep the rung on which they were found in ExaBGP",
    );
    sums_up(&host, "web has not been looked for yet, and this host announces it on the rung `active`.");
}

#[test]
fn libvirt_out_of_reach_lowers_what_it_has_not_told_of() {
    let mut host = host_with(Presence::Present, Some(Rung::Unsure));
    host.libvirt.connected = false;
    host.libvirt.error = Some("Failed to connect socket".to_owned());
    host.libvirt.trust = LibvirtTrust::Lapsed;
    says(
        &host,
        Step::Libvirt,
        "is out of reach since 2026-03-01T08:00:01.000Z (3 h 59 min ago): Failed to connect socket.",
    );
    says(
        &host,
        Step::Libvirt,
        "longer than `libvirt.lease` (1m): what it has not told of since stands no higher than `unsure`.",
    );
    says(
        &host,
        Step::Preference,
        "That would be the rung `active`, but libvirt's lease has run out: `unsure` (3 of 5): nobody can tell any more whether \
         the VM executes here.",
    );
    sums_up(
        &host,
        "web executes here, and this host announces it on the rung `unsure`; but libvirt is out of reach.",
    );

    let mut host = host_with(Presence::Arrived, Some(Rung::Active));
    host.libvirt.trust = LibvirtTrust::Blind;
    says(
        &host,
        Step::Preference,
        "the rung `arrived`, but nobody watches the VM while libvirt is out of reach: `active`",
    );

    let mut host = host_with(Presence::Present, Some(Rung::Unsure));
    host.libvirt.trust = LibvirtTrust::Lapsed;
    says(
        &host,
        Step::Libvirt,
        "ago), but has given no list that counts for longer than `libvirt.lease` (1m):",
    );
}

#[test]
fn what_mobility_s_settings_make_of_a_vm_that_stands_still_or_comes() {
    for (frozen, rung, words) in [
        (
            Frozen::Standby,
            Some(Rung::Standby),
            "`standby` (4 of 5): a frozen copy is here that may execute soon (`mobility.frozen: standby`).",
        ),
        (
            Frozen::Active,
            Some(Rung::Active),
            "`active` (2 of 5): the VM executes here (`mobility.frozen: active`).",
        ),
        (Frozen::Withdraw, None, "That has no rung, and no route (`mobility.frozen: withdraw`)."),
    ] {
        let mut host = host_with(Presence::Frozen, rung);
        change_config(&mut host, |config| config.mobility.frozen = frozen);
        says(&host, Step::Preference, words);
    }
    let mut host = host_with(Presence::Incoming, None);
    change_config(&mut host, |config| config.mobility.standby = false);
    says(&host, Step::Preference, "`mobility.standby: false`: nothing is announced before the VM runs here");
}

#[test]
fn a_refused_reload_is_told() {
    let mut host = running();
    host.config_status.errors = vec!["c.yaml:3:1: bgp.x: y: is unknown".to_owned()];
    says(
        &host,
        Step::Configuration,
        "The file was read again since and has a fault, so what was loaded stays in force: c.yaml:3:1: bgp.x: y: is unknown.",
    );
    host.config_status.errors.push("c.yaml:4:1: z".to_owned());
    says(&host, Step::Configuration, "has 2 faults");
}
