"""Every other way in which a VM comes to another host: the route is where it executes, at every router and every moment."""

from trial import SLOWLY, STEADILY, VM, everywhere, hosts, hurry, on_rung, preferred, recorded, recorded_all


def test_a_peer_to_peer_migration_moves_the_route(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=target):
        lab.migrate(VM, source, target, "--p2p")


def test_a_vm_that_is_defined_on_its_new_host_and_undefined_on_the_old_one_moves_its_route(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=target) as recording:
        lab.migrate(VM, source, target, "--persistent", "--undefinesource")
    assert recording.timeline.lifecycle(target, "DEFINED", "ADDED")


def test_a_vm_that_is_to_stand_still_after_its_migration_is_led_to_its_new_host_before_it_goes_on(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=target) as recording:
        lab.migrate(VM, source, target, "--suspend")
        recording.wait(source, "STOPPED", "MIGRATED")
        everywhere(lab, VM, f"{target} is alone, on standby", lambda rungs, best: rungs == {target: "standby"})
        lab.virsh(target, "resume", VM)


def test_a_paused_guest_is_led_to_its_new_host_and_answers_there_when_it_goes_on(lab):
    source, target = hosts(lab)
    with recorded(lab, ends_on=target) as recording:
        lab.virsh(source, "suspend", VM)
        on_rung(lab, source, "standby")
        lab.migrate(VM, source, target)
        recording.wait(source, "STOPPED", "MIGRATED")
        everywhere(lab, VM, f"{target} is alone, on standby", lambda rungs, best: rungs == {target: "standby"})
        lab.virsh(target, "resume", VM)


def test_two_vms_that_migrate_at_once_in_opposite_directions_pass_one_another(racks_lab):
    lab = racks_lab
    one, other = hosts(lab)
    lab.start("web", other)
    with recorded_all(lab, {VM: other, "web": one}) as recording:
        there = lab.migration(VM, one, other, *SLOWLY)
        back = lab.migration("web", other, one, *SLOWLY)
        recording.wait(one, "ITERATION")
        recording.wait(other, "ITERATION", vm="web")
        hurry(lab, one)
        hurry(lab, other, "web")
        there.succeed()
        back.succeed()


def test_a_host_that_is_emptied_vm_by_vm_keeps_the_routes_of_those_that_wait(racks_lab):
    lab = racks_lab
    source, target = hosts(lab)
    vms = [vm.name for vm in lab.topology.vms]
    for vm in vms:
        if vm != VM:
            lab.start(vm, source)
    with recorded_all(lab, dict.fromkeys(vms, target)):
        for vm in vms:
            lab.migrate(vm, source, target, *STEADILY)
            preferred(lab, target, vm)


def test_a_vm_that_is_saved_on_one_host_and_restored_on_another_has_no_route_in_between(lab):
    source, target = hosts(lab)
    saved = lab.path / "svc.saved"
    with recorded(lab, ends_on=target) as recording:
        lab.virsh(source, "save", VM, saved)
        recording.wait(source, "STOPPED", "SAVED")
        everywhere(lab, VM, "there is no route", lambda rungs, best: not rungs)
        lab.virsh(target, "restore", saved)
    saved.unlink()
