//! The tables cell by cell, each line written from what libvirt with QEMU was seen to mean by it.

use std::collections::BTreeMap;

use super::*;
/// What each event decides; `?` is a look at libvirt.
const EVENTS: &str = "
    defined/added              nothing
    defined/updated            nothing
    defined/renamed            nothing
    defined/from_snapshot      nothing
    defined/other(99)          nothing
    undefined/removed          ?
    undefined/renamed          nothing
    undefined/other(99)        ?
    started/booted             ?
    started/migrated           incoming
    started/restored           incoming ?
    started/from_snapshot      ?
    started/wakeup             begins
    started/recreated          ?
    started/other(99)          ?
    suspended/paused           ?
    suspended/migrated         departing
    suspended/ioerror          frozen
    suspended/watchdog         frozen
    suspended/restored         frozen
    suspended/from_snapshot    frozen
    suspended/api_error        frozen
    suspended/postcopy         departing
    suspended/postcopy_failed  departing
    suspended/guest_shutdown   ?
    suspended/other(99)        ?
    resumed/unpaused           executes
    resumed/migrated           executes
    resumed/from_snapshot      executes
    resumed/postcopy           executes
    resumed/postcopy_failed    executes
    resumed/other(99)          executes
    stopped/shutdown           absent
    stopped/destroyed          absent
    stopped/crashed            absent
    stopped/migrated           absent
    stopped/saved              absent
    stopped/failed             absent
    stopped/from_snapshot      absent
    stopped/recreated          ?
    stopped/other(99)          absent
    shutdown/finished          absent
    shutdown/guest             absent
    shutdown/host              absent
    shutdown/other(99)         absent
    pmsuspended/memory         frozen
    pmsuspended/disk           frozen
    pmsuspended/other(99)      frozen
    crashed/panicked           absent
    crashed/crashloaded        ?
    crashed/other(99)          ?
    other(98/99)               ?
";

/// What each state says by itself.
const STATES: &str = "
    nostate/unknown            silent
    nostate/other(99)          silent
    running/unknown            executes
    running/booted             executes
    running/migrated           executes
    running/restored           executes
    running/from_snapshot      executes
    running/unpaused           executes
    running/migration_canceled executes
    running/save_canceled      executes
    running/wakeup             executes
    running/crashed            executes
    running/postcopy           executes
    running/postcopy_failed    executes
    running/other(99)          executes
    blocked/unknown            executes
    blocked/other(99)          executes
    paused/unknown             frozen
    paused/user                frozen
    paused/migration           migrating
    paused/save                frozen
    paused/dump                executes
    paused/ioerror             frozen
    paused/watchdog            frozen
    paused/from_snapshot       frozen
    paused/shutting_down       absent
    paused/snapshot            executes
    paused/crashed             absent
    paused/starting_up         starting
    paused/postcopy            departing
    paused/postcopy_failed     departing
    paused/api_error           frozen
    paused/other(99)           frozen
    shutdown/unknown           absent
    shutdown/user              absent
    shutdown/other(99)         absent
    shutoff/unknown            absent
    shutoff/shutdown           absent
    shutoff/destroyed          absent
    shutoff/crashed            absent
    shutoff/migrated           absent
    shutoff/saved              absent
    shutoff/failed             absent
    shutoff/from_snapshot      absent
    shutoff/daemon             absent
    shutoff/other(99)          absent
    crashed/unknown            absent
    crashed/panicked           absent
    crashed/other(99)          absent
    pmsuspended/unknown        frozen
    pmsuspended/other(99)      frozen
    other/other(98/99)         silent
";

fn rows(table: &str) -> BTreeMap<String, String> {
    let lines = table.lines().map(str::trim).filter(|line| !line.is_empty());
    lines
        .filter_map(|line| line.split_once(' '))
        .map(|(cell, says)| (cell.into(), says.trim().into()))
        .collect()
}

fn told(told: Told) -> String {
    match told {
        Told::Executes => "executes".to_owned(),
        Told::Begins => "begins".to_owned(),
        Told::Stands(presence) => presence.to_string(),
        Told::Keep => "keep".to_owned(),
    }
}

#[test]
fn every_event_with_every_detail_has_its_cell() {
    let decided: BTreeMap<String, String> = LifecycleKind::every()
        .into_iter()
        .map(|kind| {
            let verdict = of_event(kind);
            let says = match (verdict.told.map(told), verdict.look) {
                (None, false) => "nothing".to_owned(),
                (None, true) => "?".to_owned(),
                (Some(told), false) => told,
                (Some(told), true) => format!("{told} ?"),
            };
            (kind.to_string(), says)
        })
        .collect();
    assert_eq!(decided, rows(EVENTS));
}

#[test]
fn every_state_with_every_reason_has_its_cell() {
    let decided: BTreeMap<String, String> = VmState::every()
        .into_iter()
        .map(|state| {
            let says = match of_state(state) {
                Standing::Sure(sure) => told(sure),
                Standing::Migrating => "migrating".to_owned(),
                Standing::StartingUp => "starting".to_owned(),
                Standing::Silent => "silent".to_owned(),
            };
            (state.to_string(), says)
        })
        .collect();
    assert_eq!(decided, rows(STATES));
}
