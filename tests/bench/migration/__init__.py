"""What a live migration costs the client: four ways to lead the traffic to the new host, and roamd in several networks,
measured side by side.

ways        each of the ways as a lab of its own, from tests/lab: roamd, a script, a hook, a stretched layer 2; the networks
naive.py    the script; hook: libvirt's; exabgp.conf.in: ExaBGP for either, all as one writes them by hand
figures     from what a client saw to the figures: pure
turning     from the routers' entries to how they turned to the new host: pure
tables      from all figures to the tables, and what is to be reached: pure
crossing    one migration under probes
probe.c     the probes
"""
