"""Installed on a system that has no roamd: nothing starts broken, nothing of it is missing, and nothing stays behind."""

import re

PAGES = ("roamd", "roamd-run", "roamd-check", "roamd-schema", "roamd-reload", "roamd-status", "roamd-explain", "roamd-relay")

# What dpkg, systemd, man and the shells write down about whatever is installed, and libvirtd's own files.
BOOKKEEPING = re.compile(
    r"/var/lib/dpkg/(status|status-old|available|lock|lock-frontend|triggers(/Lock)?|info)$"
    r"|/var/log/|/var/cache/man/|/var/lib/systemd/(timers|deb-systemd-helper-(enabled|masked))(/|$)"
    r"|/root/\.(local|config|cache)(/|$)|/(etc|var/lib|var/cache)/libvirt(/|$)")
# Where the user stands: as of other Debian packages it stays, and its group and that of ExaBGP with it.
ACCOUNTS = re.compile(r"/etc/(passwd|group|shadow|gshadow)-?$")


def accounts(machine):
    """Each line of the account files."""
    return {f"{name}:{line}" for name in ("passwd", "group")
            for line in (machine.root / "etc" / name).read_text(encoding="ascii").splitlines()}


def changed(before, after):
    """Each path that is not as it was, but for what is written down about packages."""
    paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path for path in paths if not BOOKKEEPING.search(path) and not ACCOUNTS.search(path)}


def test_nothing_is_broken_by_installing_and_nothing_left_by_purging(debian, built):
    files, users = debian.changes(), accounts(debian)
    said = debian.install(built)
    assert debian.failed() == []
    assert "warning" not in said.lower(), said
    unit = debian.unit("roamd.service", "UnitFileState", "ActiveState", "Result", "LoadState")
    assert unit == {"UnitFileState": "enabled", "ActiveState": "inactive", "Result": "exec-condition", "LoadState": "loaded"}
    assert debian.unit("roamd-reload.path", "UnitFileState") == {"UnitFileState": "disabled"}
    assert debian.run("systemd-analyze", "verify", "roamd.service", "roamd-reload.path").stderr == ""
    assert re.fullmatch(r"roamd \S+\n", debian.run("roamd", "--version").stdout)
    assert debian.run("roamd", "--version").stdout.split()[1] == debian.run("roamd-relay", "--version").stdout.split()[1]
    # Not configured, and it says so.
    assert debian.run("roamd", "check", check=False).returncode == 78
    debian.run("dpkg", "--verify", "roamd")
    assert debian.run("id", "--name", "--groups", "roamd").stdout.split() == ["roamd", "exabgp"]

    debian.run("dpkg", "--remove", "roamd")
    assert debian.failed() == []
    kept = {"/etc/roamd", "/etc/roamd/config.yaml", "/var/lib/dpkg/info/roamd.list", "/var/lib/dpkg/info/roamd.postrm"}
    assert changed(files, debian.changes()) == kept | links(debian)
    debian.run("dpkg", "--purge", "roamd")
    assert debian.unit("roamd.service", "LoadState") == {"LoadState": "not-found"}
    assert changed(files, debian.changes()) == set()
    assert {line.split(":")[1] for line in accounts(debian) - users} <= {"roamd", "exabgp"}
    # And once more.
    debian.install(built)
    assert debian.failed() == []


def links(machine):
    """What systemd's helper leaves between removal and purge: a mask, so that nothing starts a unit without its program."""
    found = machine.shell("find /etc/systemd/system -name 'roamd*'").split()
    return set(found)


def test_the_manual_is_read_without_a_warning_and_completions_are_found(debian, built):
    debian.install(built)
    for page in PAGES:
        troff = debian.run("man", "--warnings=w", "--encoding=UTF-8", "--troff-device=utf8", "--ditroff", page)
        assert troff.stderr == "", page
        shown = debian.run("man", "--pager=cat", page).stdout
        assert "SYNOPSIS" in shown and "SEE ALSO" in shown and f"{page.upper()}(8)" in shown
        # What `man -k` finds it by.
        assert f"{page} (8)" in debian.run("whatis", page).stdout
    # `man roamd status` is the page of that command.
    assert "roamd-status" in debian.run("man", "--pager=cat", "roamd", "status").stdout.lower()
    bash = 'source /usr/share/bash-completion/bash_completion; _completion_loader "$1"; complete -p "$1"'
    for program in ("roamd", "roamd-relay"):
        assert program in debian.run("bash", "-c", bash, "bash", program, check=False).stdout
        assert debian.run("zsh", "-fc", f"autoload -Uz compinit && compinit -D -u && print $_comps[{program}]").stdout == f"_{program}\n"
        assert "--help" in debian.run("fish", "-c", f"complete --do-complete '{program} --h'").stdout
    words = debian.run("fish", "-c", "complete --do-complete 'roamd s'").stdout
    assert {line.split("\t")[0] for line in words.splitlines()} == {"schema", "status"}
