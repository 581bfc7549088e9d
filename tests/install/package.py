"""The package under test, built once from this tree, and once more under the next version."""

import subprocess
from pathlib import Path

from machine.base import REPOSITORY

CHANGELOG = REPOSITORY / "deploy/debian/changelog"


def build(*arguments):
    """Has deploy/package build it; its path."""
    done = subprocess.run([REPOSITORY / "deploy/package", *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return Path(done.stdout.splitlines()[-1])


def version():
    """The version in the changelog."""
    return field_of_changelog("Version")


def next_version():
    """The same sources packaged once more."""
    upstream, revision = version().rsplit("-", 1)
    return f"{upstream}-{int(revision) + 1}"


def field_of_changelog(name):
    done = subprocess.run(["dpkg-parsechangelog", "--file", CHANGELOG, "--show-field", name], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def field(package, name):
    """A field of a package's control file."""
    return subprocess.run(["dpkg-deb", "--field", package, name], capture_output=True, text=True, check=True).stdout.strip()


def listed(package):
    """Each path in a package."""
    done = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True)
    return [line.split()[5].removeprefix(".") for line in done.stdout.splitlines()]
