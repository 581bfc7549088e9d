"""What becomes of the host's way to a VM where somebody else changes the host: what is announced goes by it, and nothing loops."""

from roamlab import kernel, wires
from roamlab.namespaces import wait_until
from roamlab.recording import Recording
from trial import OUT_OF_REACH, VM, conflicts, converged, found_in, hosts


def stands(lab, host, state, vm=VM, device=None, error=None):
    """Waits until the route for each address of a VM stands like that in the kernel, in the words of roamd on a host; its
    documents. `error` is a part of what it says, with the prefix in place of {}."""
    def there():
        found = [lab.rest(host, f"/api/v1/routes/{address}")[1] for address in lab.topology.vm(vm).addresses.values()]
        kernel = [(route["prefix"], route.get("host_route") or {}) for route in found]
        return all(stand.get("state") == state and device in (None, stand["device"])
                   and (error is None or error.format(prefix) in (stand["error"] or "")) for prefix, stand in kernel) and found
    return wait_until(f"the host routes of {vm} on {host} are {state}", there)


def test_a_vm_in_whose_way_somebody_elses_route_is_is_announced_when_that_is_gone(one_lab):
    lab = one_lab
    host, vm = hosts(lab)[0], "web"
    uplink = lab.topology.ends(host)[0]
    routes = {prefix: f"{prefix} via {gateway} proto static" for prefix, gateway in zip(
        lab.topology.vm(vm).addresses, (uplink.peer_address, uplink.peer_address_v6))}
    for route in routes.values():
        lab.namespaces.run(host, "ip", "route", "add", *route.split())
    lab.virsh(host, "create", lab.path / host / f"{vm}.xml")
    remedy = f"ip route del {{}} dev {uplink.peer} table 254 proto static"
    assert {route["state"] for route in stands(lab, host, "failed", vm, error=remedy)} == {"pending"}
    status, document = lab.rest(host, "/readyz")
    assert status == 503 and f"of {vm}" in str(document["reasons"])
    wait_until("the conflicts are told", lambda: conflicts(lab, host) == set(routes))
    for prefix, route in routes.items():
        assert lab.announcers(lab.switch(host), prefix) == ({}, None)
        assert lab.namespaces.run(host, "ip", kernel.family(prefix), "route", "show", *route.split()).stdout
        lab.namespaces.run(host, "ip", "route", "del", *route.split())
    stands(lab, host, "placed", vm)
    converged(lab, host, vm)


def test_a_bridge_that_is_deleted_and_made_again_gets_its_vms_again_and_no_route_is_withdrawn(one_lab):
    lab = one_lab
    host, _ = hosts(lab)
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"the bridge of {host} is deleted")
        lab.namespaces.run(host, "ip", "link", "delete", "br0")
        stands(lab, host, "placed", device=f"tap-{VM}")
        recording.did("and made again")
        lab.namespaces.run(host, "sh", "-c", "\n".join(
            ["set -e", *wires.bridge(lab.topology), f"ip link set tap-{VM} master br0"]))
        stands(lab, host, "placed", device="br0")
        converged(lab, host)
    assert found_in(recording, but=["unreachable", "no probe of"]) == []


def test_a_vm_whose_tap_is_deleted_is_told_of_and_gets_another_where_it_migrates_to(one_lab):
    lab = one_lab
    host, other = hosts(lab)
    with Recording(lab, VM, interval=10) as recording:
        recording.did(f"the tap on {host} is deleted")
        lab.namespaces.run(host, "ip", "link", "delete", f"tap-{VM}")
        error = f"the kernel has no interface tap-{VM}, which libvirt names as the VM's"
        # It is nowhere else.
        assert {route["state"] for route in stands(lab, host, "failed", error=error)} == {"announced"}
        assert lab.rest(host, "/readyz")[0] == 503
        lab.migrate(VM, host, other)
        converged(lab, other)
        lab.migrate(VM, other, host)
        converged(lab, host)
    assert found_in(recording, but=OUT_OF_REACH) == []


def test_a_packet_for_a_vm_that_is_not_there_dies_at_the_host_and_does_not_go_back_to_the_switch(one_lab):
    lab = one_lab
    host, _ = hosts(lab)
    switch, uplink, vm = lab.switch(host), lab.topology.ends(host)[0], lab.topology.vm("db")
    # A range of the same host's that is no VM's: it has no route for it and sends back what comes.
    others = {"203.0.113.9/32": "203.0.113.9", "2001:db8:9::9/128": "2001:db8:9::9"}
    for (prefix, address), (other, looping), gateway in zip(
            vm.addresses.items(), others.items(), (uplink.address, uplink.address_v6)):
        for stale in (prefix, other):
            lab.namespaces.run(switch, "ip", "route", "add", stale, "via", gateway, "proto", "static")
        assert (silent := answers(lab, address)) == (0, 0), silent
        # What it is like without the blackhole, and that it would be seen.
        assert answers(lab, looping) == (0, 3)
        for stale in (prefix, other):
            lab.namespaces.run(switch, "ip", "route", "del", stale, "proto", "static")


def answers(lab, address):
    """How many of three probes were answered, and how many died in a loop."""
    said = lab.namespaces.run(
        lab.topology.clients[0].name, "ping", "-n", "-c3", "-i0.3", "-W1", address, check=False).stdout
    return said.count(" bytes from "), said.lower().count("time to live exceeded") + said.lower().count("hop limit")


def test_a_second_interface_that_is_plugged_in_is_told_of_at_once_and_cuts_nobody_off(one_lab):
    lab = one_lab
    host, _ = hosts(lab)
    mac = "52:54:00:00:01:01"
    with Recording(lab, VM, interval=10) as recording:
        recording.did("a second interface is plugged in")
        lab.virsh(host, "attach-interface", VM, "bridge", "br0", "--mac", mac, "--target", "tap-second", "--model", "virtio",
                  "--live")
        name_it = "the VM has 2 network interfaces: name the one that serves the address in its key `nic`"
        assert {route["state"] for route in stands(lab, host, "placed", device="br0", error=name_it)} == {"announced"}
        assert lab.rest(host, "/readyz")[0] == 503
        recording.did("and out")
        lab.virsh(host, "detach-interface", VM, "bridge", "--mac", mac, "--live")
        lab.ready(host)
        converged(lab, host)
    assert found_in(recording) == []
