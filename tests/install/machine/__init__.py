"""Debian machines that boot with systemd in namespaces of their own, in reading order.

base     what Debian gives, made once for each release and set of packages and kept in target/install
boot     the script that becomes process 1: mounts, a cgroup, and then systemd
machine  a machine: a layer over the base, its processes, what runs in it and what its files are
switch   the top-of-rack switch at the end of its link

All that a machine does stays in its namespaces and its layer. It has a network of its own without a way out, no devices and
no rights over the kernel's clock, modules and settings, and ends with whoever started it.
"""

import sys
from pathlib import Path

# What the labs of tests/lab have already: waiting, and templates.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "lab"))
