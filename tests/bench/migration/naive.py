#!/usr/bin/python3
"""What people write by hand in place of roamd: announces a VM's address when it starts, withdraws it when it stops.

    naive.py VM ADDRESS

ExaBGP runs it as its API process on each host.
"""

import sys

import libvirt

VM, ADDRESS = sys.argv[1:]


def say(command):
    print(command, flush=True)


def changed(_connection, domain, event, _detail, _opaque):
    if domain.name() != VM:
        return
    if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
        say(f"announce route {ADDRESS}/32 next-hop self")
    elif event == libvirt.VIR_DOMAIN_EVENT_STOPPED:
        say(f"withdraw route {ADDRESS}/32 next-hop self")


libvirt.virEventRegisterDefaultImpl()
connection = libvirt.openReadOnly("qemu:///system")
connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, changed, None)
for running in connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING):
    changed(connection, running, libvirt.VIR_DOMAIN_EVENT_STARTED, 0, None)
while True:
    libvirt.virEventRunDefaultImpl()
