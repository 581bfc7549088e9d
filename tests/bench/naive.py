#!/usr/bin/python3
"""What one would write by hand in place of roamd: follows libvirt's events and prints commands for ExaBGP.

    naive.py CONFIG      roamd's configuration, as JSON

It subscribes, lists, and follows; no reconnect, no acknowledgements, no REST view.
"""

import json
import sys

import libvirt

# Large community's last number, prepends, MED and local preference, as roamd's defaults have them.
ACTIVE = (1, 3, 100, 130)
STANDBY = (3, 9, 250, 110)


def main():
    with open(sys.argv[1]) as file:
        config = json.load(file)
    local_as = config["bgp"]["local_as"]
    vms = {name: vm["service_ips"] for name, vm in config["vms"].items()}
    announced = {}

    def announce(name, preference):
        if name not in vms or announced.get(name) == preference:
            return
        announced[name] = preference
        number, prepends, med, local_preference = preference
        path = " ".join([str(local_as)] * (1 + prepends))
        for address in vms[name]:
            print(
                f"announce route {address}/32 next-hop self med {med} local-preference {local_preference} "
                f"as-path [ {path} ] large-community [ {local_as}:82:{number} ]",
                flush=True,
            )

    def withdraw(name):
        if announced.pop(name, None):
            for address in vms[name]:
                print(f"withdraw route {address}/32", flush=True)

    def changed(_connection, domain, event, _detail, _opaque):
        if event in (libvirt.VIR_DOMAIN_EVENT_STARTED, libvirt.VIR_DOMAIN_EVENT_RESUMED):
            announce(domain.name(), ACTIVE)
        elif event == libvirt.VIR_DOMAIN_EVENT_SUSPENDED:
            announce(domain.name(), STANDBY)
        elif event in (libvirt.VIR_DOMAIN_EVENT_STOPPED, libvirt.VIR_DOMAIN_EVENT_CRASHED):
            withdraw(domain.name())

    libvirt.virEventRegisterDefaultImpl()
    connection = libvirt.open(config["libvirt"]["uri"])
    connection.domainEventRegisterAny(None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, changed, None)
    for flag, preference in (
        (libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING, ACTIVE),
        (libvirt.VIR_CONNECT_LIST_DOMAINS_PAUSED, STANDBY),
    ):
        for domain in connection.listAllDomains(flag):
            announce(domain.name(), preference)
    while True:
        libvirt.virEventRunDefaultImpl()


if __name__ == "__main__":
    main()
