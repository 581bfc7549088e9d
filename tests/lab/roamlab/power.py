"""A host that is shut down and booted, in systemd's order for the units of deploy/systemd.

What starts before libvirt-guests stops after it. So the guests go first, under a living agent; then roamd's unit, which starts
after ExaBGP's and libvirtd's; then ExaBGP and libvirtd. At boot it is the other way round. The node itself stays, because a
network namespace can't be booted: what a reboot forgets is removed.
"""

from . import kernel
from .namespaces import wait_until

# In the order in which they start.
SERVICES = ("libvirtd", "exabgp", "roamd")


def shut_down(lab, host):
    """Ends the guests that are there, and then every service; what a reboot forgets is forgotten."""
    for vm in guests(lab, host):
        # As libvirt-guests does with a guest that does not heed its power button: this one has none.
        lab.virsh(host, "destroy", vm)
    for part in reversed(SERVICES):
        pid = lab.services[f"{part} {host}"]
        lab.namespaces.signal(pid, "TERM")
        wait_until(f"{part} on {host} ends", lambda pid=pid: not lab.namespaces.alive(pid), 30)
    # The kernel's routes, and /run, with the relay's ledger.
    lab.namespaces.run(host, "sh", "-c", f"{kernel.FORGET}; rm -rf /run/roamd/*")


def boot(lab, host):
    """Starts every service, and waits until the host is ready."""
    for part in SERVICES:
        lab.restart(f"{part} {host}")
    lab.ready(host)


def guests(lab, host):
    """The VMs that run on a host."""
    return lab.virsh(host, "list", "--name").stdout.split()
