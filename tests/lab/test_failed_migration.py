"""A migration that fails leaves the route where the VM still executes, and nothing on the other host."""

from roamlab.namespaces import wait_until
from trial import SLOWLY, VM, hosts, recorded


def kept(timeline, source):
    """Whether every best route led to the source, from beginning to end."""
    return {best for _, best in timeline.best("tor")} == {source}


def test_a_copy_that_is_cancelled_leaves_the_route_at_the_source(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(target, "STARTED", "MIGRATED")
        recording.wait(source, "ITERATION")
        recording.did(f"domjobabort on {source}")
        lab.virsh(source, "domjobabort", VM)
        migration.fail()
        recording.wait(target, "STOPPED")
    assert kept(recording.timeline, source)
    assert any(rungs.get(target) == "standby" for _, rungs in recording.timeline.rungs("tor"))


def test_a_destination_that_dies_in_the_copy_leaves_the_route_at_the_source(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of QEMU on {target}")
        lab.namespaces.signal(lab.qemu(VM, target))
        migration.fail()
        recording.wait(target, "STOPPED", "FAILED")
    assert kept(recording.timeline, source)
    assert any(rungs.get(target) == "standby" for _, rungs in recording.timeline.rungs("tor"))


def test_a_destination_that_dies_while_the_vm_stands_still_gives_the_route_back_to_the_source(lab):
    source, target = hosts(lab)
    prefix = lab.topology.vm(VM).prefix
    with recorded(lab, ends_on=source) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        # What is left of the memory goes over a slow link while the VM stands still.
        lab.throttle(source, target, "20mbit")
        lab.virsh(source, "migrate-setmaxdowntime", VM, "60000")
        recording.wait(source, "SUSPENDED", "MIGRATED")
        wait_until("the switch prefers the destination", lambda: lab.announcers("tor", prefix)[1] == target)
        recording.did(f"kill -9 of QEMU on {target}")
        lab.namespaces.signal(lab.qemu(VM, target))
        recording.wait(source, "RESUMED")
        migration.fail()
        recording.wait(target, "STOPPED", "FAILED")
    rungs = [rungs.get(source) for _, rungs in recording.timeline.rungs("tor")]
    assert "leaving" in rungs
