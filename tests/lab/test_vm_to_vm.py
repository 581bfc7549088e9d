"""A VM migrates with a long copy: hosts and the VMs on them reach it where it executes, whichever host they are.

The VM in each position, on the source, on the destination and elsewhere, probes by UDP from inside; the hosts and a client by
ICMP. To the judge they are clients all, and an answer that took longer than PATIENCE is none: what goes to a frozen copy waits
in its tap, and is answered by the guest that it becomes.
"""

from contextlib import contextmanager

from roamlab import kernel
from roamlab.namespaces import wait_until
from roamlab.recording import Recording
from trial import PEERS, SLOWLY, VM, conflicts, converged, found_in, hosts, hurry, on_rung

# Longer than an emulated guest needs on a busy machine, and some seconds shorter than what `reached` takes.
PATIENCE = 3_000_000_000
# Some hundred probes a second in all, half of them from emulated guests.
BESIDE = {"interval": 40, "beside": tuple(PEERS.values()), "peers": tuple(PEERS)}


@contextmanager
def in_a_long_copy(lab, source, target, but=()):
    """A migration with a long copy, in which is done what is done inside; then it goes on, and is judged."""
    with Recording(lab, VM, **BESIDE) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        on_rung(lab, target, "standby")
        yield recording
        hurry(lab, source)
        migration.succeed()
        converged(lab, target)
        for peer in PEERS:
            lab.await_answer(peer)
    assert found_in(recording, but, patience=PATIENCE) == []


def own(lab, host):
    """What of roamd's there is in a host's kernel: the lines of `ip` about routes, neighbours and rules."""
    said = lab.namespaces.run(host, "sh", "-ec", """
        for family in -4 -6; do
          ip $family route show proto 82
          ip $family route show table 82
          ip $family neigh show nud permanent
          ip $family rule show priority 82
        done""").stdout
    return sorted(line.strip() for line in said.splitlines())


def in_main(lab, host, vm=VM):
    """The prefixes of a VM's for which a host has a route in its main table."""
    return {prefix for prefix in lab.topology.vm(vm).addresses if lab.namespaces.run(
        host, "ip", kernel.family(prefix), "route", "show", "table", "main", "exact", prefix).stdout}


def reached(lab, host):
    """Whether a host itself reaches the VM at each of its addresses, which it tries for some seconds."""
    return [lab.namespaces.run(host, "ping", "-n", "-c12", "-i0.3", "-W1", address, check=False).returncode == 0
            for address in lab.topology.vm(VM).addresses.values()]


def test_vms_and_hosts_reach_a_vm_where_it_executes_before_during_and_after_its_migration(three_lab):
    lab = three_lab
    both = set(lab.topology.vm(VM).addresses)
    # Once with either in each position.
    for _ in range(2):
        source, target = hosts(lab)
        with in_a_long_copy(lab, source, target) as recording:
            # The copy is reached from the uplink alone; the host itself sends to where the VM executes.
            assert in_main(lab, source) == both
            assert in_main(lab, target) == set()
            assert reached(lab, target) == [True, True]
        assert {"h1", "h2", "h3", "web", "db", "app"} < set(recording.timeline.probes)
        wait_until(f"{source} itself sends elsewhere", lambda source=source: in_main(lab, source) == set())
        wait_until(f"{target} itself sends to it", lambda target=target: in_main(lab, target) == both)


def test_host_routes_that_somebody_flushes_while_a_vm_migrates_are_put_back_on_both_sides(three_lab):
    lab = three_lab
    source, target = hosts(lab)
    # For the moment in which there is neither route nor blackhole a host sends back to its switch what is the VM's.
    with in_a_long_copy(lab, source, target, but=["time exceeded"]) as recording:
        before = {host: own(lab, host) for host in (source, target)}
        for host, entries in before.items():
            assert len(entries) > len(lab.topology.vm(VM).addresses)
            recording.did(f"all is flushed on {host}")
            lab.namespaces.run(host, "sh", "-c", kernel.FORGET)
            wait_until(f"all is put back on {host}", lambda host=host, entries=entries: own(lab, host) == entries)


def test_somebody_elses_route_to_the_copy_draws_what_the_host_and_its_vms_send_and_is_told(three_lab):
    """What the table for packets from the uplinks is for, and that the judge sees where a host has a route of its own."""
    lab = three_lab
    source, target = hosts(lab)
    with Recording(lab, VM, **BESIDE) as recording:
        migration = lab.migration(VM, source, target, *SLOWLY)
        recording.wait(source, "ITERATION")
        on_rung(lab, target, "standby")
        recording.did(f"a route of somebody else on {target}")
        for prefix in lab.topology.vm(VM).addresses:
            lab.namespaces.run(target, "ip", "route", "add", prefix, "dev", "br0", "proto", "static")
        assert reached(lab, target) == [False, False]
        assert conflicts(lab, target) == set(lab.topology.vm(VM).addresses)
        for prefix in lab.topology.vm(VM).addresses:
            lab.namespaces.run(target, "ip", "route", "del", prefix, "dev", "br0", "proto", "static")
        wait_until("no conflict is left", lambda: not conflicts(lab, target))
        hurry(lab, source)
        migration.succeed()
        converged(lab, target)
    found = found_in(recording, patience=PATIENCE)
    [peer] = [vm for vm, host in PEERS.items() if host == target]
    for sender in (target, peer):
        assert any(f"no probe of {sender} was answered, and the VM executes on {source}" in text for text in found), found
    assert not any(f"no probe of {sender} " in text for text in found for sender in recording.nodes + [*PEERS]
                   if sender not in (target, peer)), found
