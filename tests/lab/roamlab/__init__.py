"""Two KVM hosts, a switch and a client on one machine: what the lab is made of, in reading order.

topology    what there is: nodes, links, AS numbers, VMs; the only module to change for another network
place       a lab's directory, its lock, and what a crashed lab left behind
namespaces  a lab's own processes, mounts and networks: run, start and kill programs inside a node
wires       links, addresses and forwarding
image       the guest: kernel, initramfs, libvirt domain; built once, kept in target/lab
hypervisor  libvirtd with QEMU on a host
migration   one that virsh carries out
templates   the configurations in deploy/, filled in
bgp         ExaBGP on a host, BIRD on a router
agent       roamd on a host
power       a host that is shut down and booted, in systemd's order
lab         all of it together: up, start, migrate, on, down
recording   what happened meanwhile, from every part, on one clock: a timeline
judge       what must hold at every moment of a timeline
account     what one migration was like, in figures and sentences
faults      what can be done to each part
cells       the fault matrix: what must come of what is done, and when
vitals      whether processes grow over a long time
picture     a timeline drawn for people, a lane for each node

Everything runs in namespaces that end with the lab's first process. The machine's own libvirtd, BIRD, ExaBGP and
network are not touched.
"""
