"""A migration that fails leaves the route where the VM still executes, and nothing on the other host."""

from trial import SLOWLY, VM, hosts, recorded, standing_still


def kept(recording, source):
    """Whether every best route of every router was the source's, from beginning to end."""
    return all({best for _, best in timeline.best(router)} == {source}
               for timeline in recording.timelines for router in timeline.routers())


def offered(recording, lab, target):
    """Whether the destination's switch had its route on the rung of a copy that is being filled."""
    return all(any(rungs.get(target) == "standby" for _, rungs in timeline.rungs(lab.switch(target)))
               for timeline in recording.timelines)


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
    assert kept(recording, source)
    assert offered(recording, lab, target)


def test_a_destination_that_dies_in_the_copy_leaves_the_route_at_the_source(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of QEMU on {target}")
        lab.namespaces.signal(lab.qemu(VM, target))
        migration.fail()
        recording.wait(target, "STOPPED", "FAILED")
    assert kept(recording, source)
    assert offered(recording, lab, target)


def test_a_destination_that_dies_while_the_vm_stands_still_gives_the_route_back_to_the_source(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        migration = standing_still(lab, recording, source, target)
        recording.did(f"kill -9 of QEMU on {target}")
        lab.namespaces.signal(lab.qemu(VM, target))
        recording.wait(source, "RESUMED")
        migration.fail()
        recording.wait(target, "STOPPED", "FAILED")
    rungs = [rungs.get(source) for _, rungs in recording.timeline.rungs(lab.switch(source))]
    assert "leaving" in rungs
