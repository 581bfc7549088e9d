"""Whatever is killed in a migration, and comes back, the route ends where the VM executes and was right all the way."""

import pytest

from trial import SLOWLY, VM, hosts, hurry, recorded

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
