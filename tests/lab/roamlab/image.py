"""The guest: Debian's cloud kernel, an initramfs of busybox and one service, and its libvirt domain.

Built once and kept below target/lab, under names that say what it was built from. Two labs that build at once wait for
each other.
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from .place import CACHE
from .templates import filled
from .topology import LabError

SOURCE = Path(__file__).parent / "guest"
BUSYBOX = Path("/bin/busybox")
# In the order in which they are loaded.
MODULES = (
    "failover", "net_failover", "virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci",
    "virtio_net",
)


class Image(NamedTuple):
    kernel: Path
    initramfs: Path


@contextmanager
def exclusive(name):
    """Only one process at a time, of all labs of this repository."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w", encoding="ascii") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def image():
    """The guest's kernel and initramfs, built if they are not there."""
    with exclusive("image"):
        kernel = fetch_kernel()
        initramfs = CACHE / f"initramfs-{fingerprint(kernel)}.cpio"
        if not initramfs.exists():
            build_initramfs(kernel, initramfs)
        return Image(kernel / "vmlinuz", initramfs)


def run(*command, cwd=None, **options):
    done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, **options)
    if done.returncode != 0:
        raise LabError(f"{command[0]}: exit status {done.returncode}: {done.stderr.decode().strip()}")
    return done.stdout


def fetch_kernel():
    """A directory with `vmlinuz` and the modules, from Debian's package, which is unpacked and not installed."""
    there = sorted(CACHE.glob("kernel-*"))
    if there:
        return there[-1]
    work = CACHE / "kernel.work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    try:
        download_kernel(work)
    except LabError:
        # apt's lists may be missing, or too old for the archive.
        run("apt-get", "update")
        download_kernel(work)
    [deb] = work.glob("*.deb")
    run("dpkg", "-x", deb, work / "files")
    made = work / "made"
    made.mkdir()
    [vmlinuz] = (work / "files/boot").glob("vmlinuz-*")
    vmlinuz.rename(made / "vmlinuz")
    for module in MODULES:
        [path] = (work / "files/lib/modules").glob(f"*/kernel/**/{module}.ko")
        path.rename(made / path.name)
    target = CACHE / f"kernel-{vmlinuz.name.removeprefix('vmlinuz-')}"
    made.rename(target)
    shutil.rmtree(work)
    return target


def download_kernel(work):
    """The package that linux-image-cloud-amd64 stands for, in the directory `work`."""
    depends = run("apt-cache", "depends", "linux-image-cloud-amd64").decode()
    package = re.search(r"Depends: (linux-image-\S+)", depends)
    if not package:
        raise LabError("apt knows no linux-image-cloud-amd64")
    run("apt-get", "download", package[1], cwd=work)


def fingerprint(kernel):
    """What the initramfs depends on."""
    digest = hashlib.sha256(kernel.name.encode())
    digest.update(" ".join(MODULES).encode())
    for path in (BUSYBOX, SOURCE / "init", SOURCE / "service.rs"):
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def build_initramfs(kernel, target):
    work = CACHE / "initramfs.work"
    shutil.rmtree(work, ignore_errors=True)
    for name in ("bin", "modules", "proc", "sys", "dev"):
        (work / name).mkdir(parents=True)
    run("rustc", "--edition", "2024", "-O", "-C", "target-feature=+crt-static", "-C", "strip=symbols", "-C", "panic=abort",
        "--target", f"{os.uname().machine}-unknown-linux-gnu", "-o", work / "service", SOURCE / "service.rs")
    shutil.copy(BUSYBOX, work / "bin/busybox")
    shutil.copy(SOURCE / "init", work / "init")
    (work / "init").chmod(0o755)
    for module in MODULES:
        shutil.copy(kernel / f"{module}.ko", work / "modules")
    (work / "modules/order").write_text("".join(f"{module}.ko\n" for module in MODULES))
    names = "\n".join(sorted(str(path.relative_to(work)) for path in work.rglob("*")))
    archive = run("cpio", "--create", "--format=newc", "--owner=0:0", "--quiet", cwd=work, input=names.encode())
    fresh = target.with_suffix(".new")
    fresh.write_bytes(archive)
    fresh.rename(target)
    shutil.rmtree(work)


def domain(vm, made, console):
    """The VM's libvirt XML; `console` is where the guest's serial line is written."""
    return filled(SOURCE / "domain.xml.in", {
        "NAME": vm.name, "UUID": vm.uuid, "MAC": vm.mac, "ADDRESS": vm.address, "ADDRESS_V6": vm.address_v6, "KERNEL": made.kernel,
        "INITRAMFS": made.initramfs, "CONSOLE": console,
    })
