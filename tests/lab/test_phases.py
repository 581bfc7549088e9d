"""The phases of a migration, as both hosts tell them, beside what the lab saw of libvirt and the switches."""

from datetime import datetime
from itertools import pairwise

from roamlab.clock import nanoseconds
from roamlab.namespaces import wait_until
from trial import VM, hosts, recorded

ARRIVAL = ["incoming_seen", "standby_announced", "resumed", "arrived_announced", "acknowledged"]
DEPARTURE = ["paused", "demoted", "acknowledged", "stopped", "withdrawn"]
# roamd writes milliseconds; libvirt's clients hear of one event one after the other, on a busy machine far apart.
SLACK = 1_000_000_000


def last_migration(lab, host, phases, since):
    """The migration of the VM since then as a host tells it, once it has these phases."""
    def complete():
        migration = lab.rest(host, f"/api/v1/vms/{VM}")[1]["last_migration"]
        return (migration and nanoseconds(migration["started_at"]) > since - SLACK
                and set(phases) <= {phase["name"] for phase in migration["phases"]} and migration)
    return wait_until(f"{host} has told of every phase", complete)


def told(migration):
    """When each phase was; their order, and the milliseconds behind the first, fit the times."""
    phases = migration["phases"]
    at = {phase["name"]: nanoseconds(phase["at"]) for phase in phases}
    assert len(at) == len(phases), phases
    assert phases[0]["at"] == migration["started_at"] and phases[0]["after_ms"] == 0
    for earlier, later in pairwise(phases):
        assert earlier["after_ms"] <= later["after_ms"], phases
    for phase in phases:
        assert datetime.fromisoformat(phase["at"].replace("Z", "+00:00")).tzinfo is not None
        assert abs(at[phase["name"]] - nanoseconds(migration["started_at"]) - phase["after_ms"] * 1e6) < 2e6, phases
    return at


def test_both_hosts_tell_the_phases_of_a_migration_as_they_happened(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=target) as recording:
        lab.migrate(VM, source, target)
    timeline = recording.timeline
    arrived = last_migration(lab, target, ARRIVAL, timeline.began)
    left = last_migration(lab, source, DEPARTURE, timeline.began)
    for host, migration, direction in ((target, arrived, "in"), (source, left, "out")):
        assert (migration["direction"], migration["outcome"]) == (direction, "completed"), migration
        assert lab.rest(host, "/api/v1/migrations")[1]["migrations"][0] == migration
    for migration, host, order, seen in (
        (arrived, target, ARRIVAL, {"incoming_seen": ("STARTED", "MIGRATED"), "resumed": ("RESUMED", "MIGRATED")}),
        (left, source, DEPARTURE, {"paused": ("SUSPENDED", "MIGRATED"), "stopped": ("STOPPED", "MIGRATED")}),
    ):
        at = told(migration)
        # What the wire shows may come between any two of the others.
        assert [phase["name"] for phase in migration["phases"] if phase["name"] in order] == order, migration
        assert set(at) <= {*order, "confirmed_on_the_wire"}, migration
        for phase, event in seen.items():
            [heard] = timeline.lifecycle(host, *event)
            assert abs(at[phase] - heard.at) < SLACK, (phase, at[phase], heard)
    # The guest runs at the target after it was stopped at the source; both hosts of the lab have one clock.
    assert told(left)["paused"] < told(arrived)["resumed"] + SLACK
