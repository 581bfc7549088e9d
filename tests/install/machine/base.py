"""The file systems that machines boot from, as Debian's own packages make them. Only this module uses the network."""

import fcntl
import hashlib
import os
import shutil
import subprocess
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[3]
PLACE = Path(os.environ.get("CARGO_TARGET_DIR", REPOSITORY / "target")).resolve() / "install"
MIRROR = "http://deb.debian.org/debian"

# What every machine has: what boots, what roamd is linked against, and what shows manual pages and completes words.
SYSTEM = ("systemd", "systemd-sysv", "dbus", "libvirt0", "man-db", "bash-completion", "zsh", "fish")
# And a KVM host: libvirt with its QEMU driver, its rules of access, and a BGP speaker. BIRD plays the switch beyond the link.
# Ansible installs packages by python3-apt.
HOST = ("libvirt-daemon-system", "libvirt-daemon-driver-qemu", "libvirt-clients", "polkitd", "exabgp", "bird2", "iproute2",
        "curl", "procps", "python3-apt")

# Makes the machine no first boot, at which systemd would enable units by its presets.
MACHINE_ID = "5e4c1b0a9d8f47e2a6c3b1d0f9e8a7c6"


class BaseError(Exception):
    """A base that could not be made."""


def base(release, packages):
    """The folder with a release and these packages; made where it is not there yet."""
    recipe = "\n".join([Path(__file__).read_text(encoding="utf-8"), release, *sorted(packages)])
    made = PLACE / "bases" / f"{release}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}"
    made.parent.mkdir(parents=True, exist_ok=True)
    with open(made.parent / f"{release}.lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            bootstrap(release, packages, made)
    return made


def bootstrap(release, packages, made):
    """Has mmdebstrap unpack and configure it beside its place, and moves it there when it is whole."""
    unfinished = made.with_suffix(".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    command = ["mmdebstrap", "--mode=root", "--variant=apt", "--dpkgopt=force-unsafe-io", "--quiet",
               '--aptopt=Acquire::Languages "none"', '--aptopt=Acquire::Retries "3"', f"--include={','.join(packages)}",
               release, str(unfinished), MIRROR]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if done.returncode != 0:
        raise BaseError(f"mmdebstrap could not make Debian {release}: {done.stderr.strip()}")
    for name, text in (("machine-id", MACHINE_ID + "\n"), ("hostname", "host\n"), ("hosts", "127.0.0.1 localhost host\n")):
        (unfinished / "etc" / name).write_text(text, encoding="ascii")
        (unfinished / "etc" / name).chmod(0o644)
    # The switch is no service of the host's: tests start it.
    if "bird2" in packages:
        disabled = ["systemctl", f"--root={unfinished}", "--quiet", "disable", "bird.service"]
        subprocess.run(disabled, check=True, stdin=subprocess.DEVNULL, capture_output=True)
    # Nothing of the network that it was made in.
    (unfinished / "etc/resolv.conf").write_text("", encoding="ascii")
    unfinished.rename(made)
