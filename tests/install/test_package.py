"""The package itself, before anybody installs it."""

import re
import subprocess

import package
from machine.base import REPOSITORY


def test_lintian_has_nothing_to_say(built):
    done = subprocess.run(["lintian", "--fail-on", "error,warning,info", "--info", "--allow-root", built], capture_output=True,
                          text=True)
    assert done.returncode == 0 and done.stdout == "", done.stdout + done.stderr


def test_both_programs_stay_small(built, tmp_path):
    """The agent had 8.2 MB when this was written, and 11.7 MB with its symbols and the compiler's usual settings."""
    subprocess.run(["dpkg-deb", "--extract", built, tmp_path], check=True)
    sizes = {name: (tmp_path / "usr/bin" / name).stat().st_size for name in ("roamd", "roamd-relay")}
    assert sizes["roamd"] < 8_600_000 and sizes["roamd-relay"] < 1_500_000, sizes


def test_it_depends_on_what_its_programs_are_linked_against(built):
    depends = package.field(built, "Depends")
    assert re.search(r"\blibvirt0 \(>= \d\S+\)", depends) and re.search(r"\blibc6 \(>= \d\S+\)", depends), depends
    assert "exabgp" in package.field(built, "Recommends")


def test_what_is_in_the_examples_is_what_the_repository_has(built):
    """A file that is added to deploy is for whoever installs the package, unless it is the package's own."""
    listed = package.listed(built)
    examples = "/usr/share/doc/roamd/examples/"
    for folder in ("bird", "frr", "switches", "prometheus", "grafana", "libvirt/hooks"):
        for file in (REPOSITORY / "deploy" / folder).iterdir():
            assert f"{examples}{folder}/{file.name}" in listed
    units = {path.rsplit("/", 1)[1] for path in listed if path.startswith(("/usr/lib/systemd/system/", examples + "systemd/"))}
    assert units - {""} == {file.name for file in (REPOSITORY / "deploy/systemd").iterdir() if file.is_file()}


def test_every_command_has_a_page(built, tmp_path):
    subprocess.run(["dpkg-deb", "--extract", built, tmp_path], check=True)
    commands = subprocess.run([tmp_path / "usr/bin/roamd", "--help"], capture_output=True, text=True, check=True).stdout
    names = re.findall(r"^  (\w+) ", commands.partition("Commands:")[2].partition("Options:")[0], re.MULTILINE)
    assert "run" in names and "status" in names
    pages = {f"/usr/share/man/man8/roamd-{name}.8.gz" for name in names if name != "help"} | {"/usr/share/man/man8/roamd.8.gz"}
    assert pages == {path for path in package.listed(built) if path.endswith(".8.gz")}
