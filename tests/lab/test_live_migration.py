"""A VM that live-migrates keeps its address: the route is where the VM executes, at every moment."""

from roamlab.connection import Connection
from roamlab.judge import frozen
from roamlab.namespaces import wait_until
from trial import SLOWLY, VM, WITH_FRR, everywhere, hosts, hurry, on_rung, recorded


def to_and_fro(lab):
    """Migrates there and back, settled in between; the recordings."""
    timelines = []
    for _ in range(2):
        source, target = hosts(lab)
        with recorded(lab, ends_on=target) as recording:
            lab.migrate(VM, source, target)
        timelines.append(recording.timeline)
    return timelines


@WITH_FRR
def test_a_pre_copy_to_and_fro_moves_the_route_with_the_vm(lab):
    for timeline in to_and_fro(lab):
        assert len(frozen(timeline)) == 1


def test_a_pre_copy_to_and_fro_moves_the_route_on_one_switch(one_switch_lab):
    for timeline in to_and_fro(one_switch_lab):
        assert len(frozen(timeline)) == 1


def test_a_migration_is_counted_and_timed_on_both_hosts(one_switch_lab):
    lab = one_switch_lab
    source, target = hosts(lab)
    before = {host: lab.metrics(host) for host in (source, target)}

    def grown(host, name, **labels):
        """By how much a series has grown; its labels stand in their own order."""
        pairs = ",".join(f'{key}="{value}"' for key, value in labels.items())
        series = f"{name}{{{pairs}}}"
        return lab.metrics(host)[series] - before[host][series]

    def phase(host, direction, name):
        return grown(host, "roamd_migration_phase_seconds_count", direction=direction, phase=name)

    with recorded(lab, ends_on=target):
        lab.migrate(VM, source, target)
    came = ("standby_announced", "resumed", "arrived_announced", "acknowledged")
    left = ("demoted", "acknowledged", "stopped", "withdrawn")
    for host, direction, names in ((target, "in", came), (source, "out", left)):
        wait_until(f"{host} has timed {names}", lambda host=host, direction=direction, names=names: all(
            phase(host, direction, name) == 1 for name in names))
        assert grown(host, "roamd_migrations_total", direction=direction, outcome="completed") == 1
        assert grown(host, "roamd_migrations_total", direction=direction, outcome="failed") == 0
        assert phase(host, direction, "resumed" if direction == "out" else "stopped") == 0


def test_the_route_stays_at_the_source_for_as_long_as_the_guest_dirties_what_was_copied(lab):
    source, target = hosts(lab)
    lab.order(VM, "dirty 32 200")
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target, "--bandwidth", "64")
        # No round is short enough to be the last one, also where the machine is too busy for the guest to write much.
        recording.wait(source, "ITERATION")
        lab.virsh(source, "migrate-setmaxdowntime", VM, "1")
        # The copy goes round and round: each iteration finds new pages that were written meanwhile.
        for iteration in (2, 3, 4):
            recording.wait(source, "ITERATION", iteration)
        on_rung(lab, target, "standby")
        everywhere(lab, VM, f"{source} is preferred", lambda rungs, best: best == source, seconds=0)
        lab.order(VM, "idle")
        # It may have ended as soon as the guest rested.
        lab.virsh(source, "migrate-setmaxdowntime", VM, "300", check=False)
        hurry(lab, source)
        migration.succeed()
    assert len(frozen(recording.timeline)) == 1


def test_a_post_copy_moves_the_route_when_the_vm_moves_and_not_when_the_memory_has_followed(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target, "--postcopy", *SLOWLY)
        recording.wait(source, "ITERATION")
        lab.virsh(source, "migrate-postcopy", VM)
        resumed = recording.wait(target, "RESUMED", "POSTCOPY")
        hurry(lab, source)
        migration.succeed()
    timeline = recording.timeline
    assert timeline.lifecycle(source, "SUSPENDED", "POSTCOPY")
    arrived = next(at for at, rungs in timeline.rungs(lab.switch(target)) if rungs.get(target) == "arrived")
    [followed] = timeline.lifecycle(target, "RESUMED", "MIGRATED")
    assert resumed.at < followed.at
    # The second RESUMED changes nothing any more.
    assert arrived < followed.at


def test_a_vm_that_returns_at_once_is_followed_back(lab):
    first, second = hosts(lab)
    with recorded(lab, ends_on=first) as recording:
        lab.migrate(VM, first, second)
        lab.migrate(VM, second, first)
    # It had not settled: it went away from the best rung.
    rungs = [rungs.get(second) for _, rungs in recording.timeline.rungs(lab.switch(second))]
    assert rungs[rungs.index("leaving") - 1] == "arrived"


def test_a_tcp_connection_outlives_a_migration(lab):
    source, target = hosts(lab)
    with Connection(lab, lab.topology.vm(VM).address) as connection:
        assert connection.echoes(1)
        # As often as an emulated guest on a busy machine can echo from user space without falling behind.
        with recorded(lab, ends_on=target, protocol="udp", interval=100):
            lab.migrate(VM, source, target)
        assert connection.echoes(1)
