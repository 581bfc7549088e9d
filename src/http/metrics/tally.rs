//! What was counted and timed: pure.

use super::{Labels, Page, family};
use crate::snapshot::Snapshot;

pub(super) fn show(page: &mut Page, snapshot: &Snapshot) {
    let tally = &*snapshot.tally;
    page.many(
        &family::CONFIG_RELOADS,
        [("accepted", tally.reloads_accepted), ("refused", tally.reloads_refused)]
            .map(|(result, count)| (Labels::from([("result", result)]), count)),
    );
    page.many(
        &family::PRESENCE_CHANGES,
        tally.presences.iter().map(|(presence, count)| (Labels::from([("to", presence.name())]), *count)),
    );
    page.many(
        &family::MIGRATIONS,
        tally.migrations.ended.iter().map(|((direction, outcome), count)| {
            (Labels::from([("direction", direction.name()), ("outcome", outcome.name())]), *count)
        }),
    );
    page.many(
        &family::MIGRATION_PHASE,
        tally.migrations.phases.iter().map(|((direction, phase), histogram)| {
            (Labels::from([("direction", direction.name()), ("phase", phase.name())]), histogram)
        }),
    );

    let libvirt = &tally.libvirt;
    page.one(&family::LIBVIRT_CONNECTIONS, libvirt.connections);
    page.many(
        &family::LIBVIRT_EVENTS,
        libvirt.events.iter().map(|(event, count)| (Labels::from([("event", *event)]), *count)),
    );
    page.one(&family::LIBVIRT_LISTS, libvirt.lists);
    page.many(
        &family::LIBVIRT_LOOKS,
        [("answered", libvirt.looks), ("failed", libvirt.looks_failed)]
            .map(|(result, count)| (Labels::from([("result", result)]), count)),
    );
    page.one(&family::LIBVIRT_OVERFLOWS, libvirt.overflows);

    let exabgp = &tally.exabgp;
    page.one(&family::EXABGP_CONNECTIONS, exabgp.connections);
    page.one(&family::EXABGP_EPOCHS, exabgp.epochs);
    page.one(&family::EXABGP_IN_DOUBT, exabgp.in_doubt);
    page.many(
        &family::ANNOUNCEMENTS,
        exabgp.announcements.iter().map(|(rung, count)| (Labels::from([("rung", rung.name())]), *count)),
    );
    page.one(&family::WITHDRAWALS, exabgp.withdrawals);
    page.one(&family::REFUSED, exabgp.refused);
    page.one(&family::ACKNOWLEDGEMENT, &exabgp.acknowledgement);
    page.many(
        &family::EVENT_TO_COMMAND,
        [("event", &exabgp.by_event), ("look", &exabgp.by_look)]
            .map(|(decided_by, histogram)| (Labels::from([("decided_by", decided_by)]), histogram)),
    );
    page.many(
        &family::NEIGHBOR_SESSIONS,
        exabgp
            .sessions
            .iter()
            .map(|(neighbor, count)| (Labels::from([("neighbor", neighbor.to_string())]), *count)),
    );
}
