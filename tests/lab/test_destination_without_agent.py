"""A VM migrates to a host on which no agent runs: what follows, and how libvirt's hook prevents it."""

from roamlab.recording import Recording
from trial import OUT_OF_REACH, SLOWLY, VM, converged, everywhere, found_in, hosts, hurry, on_rung, recorded


def test_the_hook_refuses_a_migration_to_a_host_without_an_agent_in_words(guarded_lab):
    lab = guarded_lab
    source, target = hosts(lab)
    with recorded(lab, ends_on=source) as recording:
        recording.did(f"kill -9 of roamd on {target}")
        lab.kill(f"roamd {target}")
        said = lab.migration(VM, source, target).fail()
        assert f"roamd on {target} is not ready" in said
        lab.restart(f"roamd {target}")
        lab.ready(target)
    # With an agent there it lets it pass.
    with recorded(lab, ends_on=target):
        lab.migrate(VM, source, target)


def test_a_vm_that_arrives_where_no_agent_runs_is_out_of_reach_until_one_does(racks_lab):
    lab = racks_lab
    source, target = hosts(lab)
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"kill -9 of roamd on {target}")
        lab.kill(f"roamd {target}")
        lab.migrate(VM, source, target)
        everywhere(lab, VM, "there is no route", lambda rungs, best: not rungs)
        lab.restart(f"roamd {target}")
        converged(lab, target)
    assert found_in(recording, but=OUT_OF_REACH) == []


def test_a_vm_whose_new_host_loses_its_agent_in_the_copy_is_reached_over_the_standby_route(racks_lab):
    lab = racks_lab
    source, target = hosts(lab)
    with Recording(lab, VM, interval=10) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        on_rung(lab, target, "standby")
        recording.did(f"kill -9 of roamd on {target}")
        lab.kill(f"roamd {target}")
        hurry(lab, source)
        migration.succeed()
        everywhere(lab, VM, f"{target} is alone, on standby", lambda rungs, best: rungs == {target: "standby"})
        lab.await_answer(VM)
        lab.restart(f"roamd {target}")
        converged(lab, target)
    assert found_in(recording, but=["has no route above standby from"]) == []
