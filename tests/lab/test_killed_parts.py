"""Whatever is killed in a migration, and comes back, the route ends where the VM executes and was right all the way."""

import pytest

from trial import SLOWLY, VM, WITH_FRR, hosts, hurry, on_rung, preferred, recorded, standing_still

SIDES = pytest.mark.parametrize("side", ["source", "destination"])


def at(lab, side):
    """Source, destination, and the host on the given side."""
    source, target = hosts(lab)
    return source, target, source if side == "source" else target


@SIDES
def test_an_agent_that_is_killed_in_the_copy_finds_its_way_back(lab, side):
    source, target, host = at(lab, side)
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of roamd on {host}")
        lab.kill(f"roamd {host}")
        lab.restart(f"roamd {host}")
        lab.ready(host)
        recording.did(f"roamd on {host} is ready again")
        hurry(lab, source)
        migration.succeed()


def test_a_vm_that_has_just_arrived_leaves_a_host_whose_agent_is_dead(lab):
    """Its route stands on `arrived`, as that of the next host will, and no agent takes it down: the relay does."""
    lab.migrate(VM, *hosts(lab))
    source, target = hosts(lab)
    on_rung(lab, source, "arrived")
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of roamd on {source}")
        lab.kill(f"roamd {source}")
        on_rung(lab, source, "active")
        hurry(lab, source)
        migration.succeed()
        preferred(lab, target)
        lab.await_answer(VM)
        lab.restart(f"roamd {source}")
        lab.ready(source)
        recording.did(f"roamd on {source} is ready again")


@SIDES
def test_an_agent_that_is_killed_after_the_switch_over_finds_its_way_back(lab, side):
    source, target, host = at(lab, side)
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target)
        recording.wait(target, "RESUMED", "MIGRATED")
        recording.did(f"kill -9 of roamd on {host}")
        lab.kill(f"roamd {host}")
        migration.succeed()
        lab.restart(f"roamd {host}")
        lab.ready(host)
        recording.did(f"roamd on {host} is ready again")


@WITH_FRR
@SIDES
def test_an_exabgp_that_is_killed_in_the_copy_announces_again_what_is_so(lab, side):
    source, target, host = at(lab, side)
    with recorded(lab, ends_on=target) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of ExaBGP on {host}")
        lab.kill(f"exabgp {host}")
        lab.restart(f"exabgp {host}")
        lab.ready(host)
        recording.did(f"roamd on {host} is ready again")
        hurry(lab, source)
        migration.succeed()


@SIDES
def test_an_agent_that_is_killed_in_the_switch_over_finds_its_way_back(lab, side):
    source, target, host = at(lab, side)
    with recorded(lab, ends_on=target) as recording:
        migration = standing_still(lab, recording, source, target)
        recording.did(f"kill -9 of roamd on {host}")
        lab.kill(f"roamd {host}")
        lab.restart(f"roamd {host}")
        lab.ready(host)
        recording.did(f"roamd on {host} is ready again")
        lab.unthrottle(source)
        migration.succeed()


@SIDES
def test_a_libvirtd_that_is_killed_in_the_copy_leaves_the_route_at_the_source(racks_lab, side):
    lab = racks_lab
    source, target, host = at(lab, side)
    with recorded(lab, ends_on=source) as recording:
        migration = lab.migration(VM, source, target, "--p2p", *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did(f"kill -9 of libvirtd on {host}")
        lab.kill(f"libvirtd {host}")
        lab.restart(f"libvirtd {host}")
        recording.follow(host)
        recording.did(f"libvirtd on {host} answers again")
        migration.fail()
        if host == source:
            recording.wait(target, "STOPPED")
        lab.ready(host)


def test_a_client_that_is_killed_while_it_manages_a_migration_leaves_the_route_at_the_source(racks_lab):
    lab = racks_lab
    source, target = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        recording.did("kill -9 of virsh")
        migration.kill()
        recording.wait(target, "STOPPED")


def test_an_exabgp_that_begins_anew_without_an_agent_does_not_keep_a_false_route_alive(brisk_lab):
    """Its switch keeps the route over a graceful restart, until somebody says what became of it: the relay does."""
    lab = brisk_lab
    source, target = hosts(lab)
    on_rung(lab, source, "active")
    with recorded(lab, ends_on=target) as recording:
        recording.did(f"kill -9 of roamd and ExaBGP on {source}")
        lab.kill(f"roamd {source}")
        lab.kill(f"exabgp {source}")
        lab.restart(f"exabgp {source}")
        lab.connected(lab.switch(source))
        recording.did(f"{source} stops the VM, and {target} starts it")
        lab.virsh(source, "destroy", VM)
        lab.start(VM, target)
        on_rung(lab, source, "unsure")
        # As long as it could beat the other by being new alone.
        on_rung(lab, target, "active")
        preferred(lab, target)
        lab.restart(f"roamd {source}")
        lab.ready(source)
        recording.did(f"roamd on {source} is ready again")
