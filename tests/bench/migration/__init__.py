"""What a live migration costs the client: four ways to lead the traffic to the new host, measured side by side.

ways        each of the ways as a lab of its own, from tests/lab: roamd, a script, a hook, a stretched layer 2
naive.py    the script; hook: libvirt's; exabgp.conf.in: ExaBGP for either, all as one writes them by hand
figures     from what the client saw to the figures and the table: pure
crossing    one migration under probes
probe.c     the probes
"""
