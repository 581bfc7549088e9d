"""The fault matrix as data: each part of a host × what is done to it × when × on which side, and what must come of it. Pure.

What is expected follows from the design and not from what was seen: a VM that executes is reached, every router prefers the
host on which it executes, and stands on a rung above `standby` there, at every moment, unless a row of EXPECTED says for how
many seconds not, and why. The lab's pace is that of BRISK_PACE in conftest.py: leases of 6 s, `settle` of 12 s, a hold time
of 30 s and a graceful-restart time of 8 s; so a part that hangs for 30 s does so for longer than `settle`, the worst case.
"""

from typing import NamedTuple

PARTS = ("agent", "relay", "exabgp", "libvirtd", "switch", "host")
FAULTS = ("killed", "restarted", "hung", "slow", "disk full", "no descriptors", "clock forth", "clock back", "socket removed")
# The moment and the side: the source is the host on which the VM was, also when nothing migrates.
STAGES = (("idle", "source"), ("copy", "source"), ("copy", "target"), ("frozen", "source"), ("frozen", "target"),
          ("after", "source"), ("after", "target"))

# What does not apply, and why.
NOT = {
    ("relay", "clock forth"): "it is ExaBGP's child and has ExaBGP's clock, which is stepped",
    ("relay", "clock back"): "it is ExaBGP's child and has ExaBGP's clock, which is stepped",
    ("relay", "socket removed"): "it has none of its own",
    ("exabgp", "socket removed"): "its pipes for exabgpcli are not used by roamd",
    ("libvirtd", "disk full"): "it then refuses a migration before it begins; nothing of roamd's is in it",
    ("switch", "disk full"): "its log is what the recording is made of; it writes nothing else",
    ("switch", "clock forth"): "BIRD goes by the monotonic clock; its log's times are what the recording is made of",
    ("switch", "clock back"): "BIRD goes by the monotonic clock; its log's times are what the recording is made of",
    ("switch", "socket removed"): "it is for people alone",
    ("host", "restarted"): "its VMs are shut down first: then it is power lost while idle",
    ("host", "disk full"): "each part's disk is tried by itself",
    ("host", "no descriptors"): "each part's descriptors are tried by themselves",
    ("host", "clock forth"): "the kernel's clock is the whole machine's; each part's is stepped by itself",
    ("host", "clock back"): "the kernel's clock is the whole machine's; each part's is stepped by itself",
    ("host", "socket removed"): "each part's sockets are tried by themselves",
}


class Bound(NamedTuple):
    """What may come of a fault at most, in seconds, beside what a busy machine takes (judge.REACTION)."""

    # Where the VM is in the end: "there" (it migrates), "here" (it stays), or "either". An idle VM stays, if its host does.
    ends: str = "there"
    # Out of reach although it executes.
    out: float = 0
    # A router prefers, or leads to, a host on which it does not execute.
    astray: float = 0
    # Reached over a route that is not above `standby`.
    low: float = 0
    why: str = ""


class Row(NamedTuple):
    """What is expected of the cells that fit; None fits all."""

    part: str
    fault: str | None
    moment: str | None
    side: str | None
    bound: Bound


HELD = "the switch keeps its routes (graceful restart), and a new one is told as soon as ExaBGP is back"
ENDED = "its watchdog ends it after 10 s, and nobody can raise the route before; the standby route leads to the VM meanwhile"
NOBODY = "nobody can raise the route until it goes on; the standby route leads to the VM meanwhile"
# A router to which the stale route is nearer leads there, and its clients don't reach the VM.
TIES = "past `settle` its stale route ties with the new one, until its host is told, or the hold time is over"
DROPPED = "the hold time ends its session before it goes on"
LEAVING = "its route stands on `leaving`"
# Where the source loses its session in the copy, the standby route is all that is left, and leads to the frozen copy: astray for as
# long as out of reach. Packets wait there, if the session is not back before the VM is.
EXPIRES = "it takes the hold time for over, and begins its session anew"
NO_KEEPALIVES = "it sends no keepalive for as long, so that the hold time ends its session, until a restart"
GIVEN_UP = "libvirt may give the migration up"
DECIDES = "a new libvirtd decides where the VM goes on"
TWICE = "libvirt may let the VM run on both hosts, until a person ends one: a split brain"
WAITS = "QEMU halts the VM for the switch-over and waits for libvirtd"
UNHEARD = "nobody hears of the VM's arrival until it goes on"
ENDED_BY = "a restart brings them back, and may end the migration"
CUT_OFF = "without graceful restart of its own its hosts are cut off"
SESSIONS = "its routes come back with the sessions"
EXPIRED = "its neighbors' hold time may be over before it goes on"
DEAF = "it forwards as before and hears nothing"
STAYS = "the VM goes on where it was"
HALF_A_MINUTE = "libvirt gives the target up after half a minute"
GONE = "the VM is gone with it, and started on the other host"
STILL = "the VM stands still with it"
SLOW = "its VMs are slow with it"

# The first row that fits counts.
EXPECTED = (
    Row("agent", "hung", "copy", "target", Bound(low=35, why=NOBODY)),
    Row("agent", "hung", "frozen", "target", Bound(low=35, why=NOBODY)),
    Row("agent", "hung", "after", "target", Bound(low=35, why=NOBODY)),
    Row("relay", "hung", None, "target", Bound(low=12, why=ENDED)),
    Row("exabgp", "killed", "copy", "target", Bound(low=8, why=HELD)),
    Row("exabgp", "killed", "frozen", "target", Bound(low=8, why=HELD)),
    Row("exabgp", "killed", "after", "target", Bound(low=8, why=HELD)),
    Row("exabgp", "restarted", "copy", "target", Bound(low=8, why=HELD)),
    Row("exabgp", "restarted", "frozen", "target", Bound(low=8, why=HELD)),
    Row("exabgp", "restarted", "after", "target", Bound(low=8, why=HELD)),
    Row("exabgp", "disk full", None, "target", Bound(low=8, why=HELD)),
    Row("exabgp", "hung", "copy", "source", Bound(out=25, astray=25, why=TIES)),
    Row("exabgp", "hung", "after", "source", Bound(why=LEAVING)),
    Row("exabgp", "hung", "frozen", "source", Bound(why=LEAVING)),
    Row("exabgp", "hung", None, None, Bound(out=25, low=45, why=DROPPED)),
    Row("exabgp", "clock forth", None, None, Bound(out=15, low=15, astray=15, why=EXPIRES)),
    Row("exabgp", "clock back", None, None, Bound(out=30, low=45, astray=25, why=NO_KEEPALIVES)),
    Row("libvirtd", "killed", "copy", None, Bound("here", why=GIVEN_UP)),
    # One that is told to end tells nobody anything any more, and waits for the migration that it carries out.
    Row("libvirtd", "restarted", "copy", "source", Bound("either", out=5, astray=5, low=5, why=DECIDES)),
    Row("libvirtd", "restarted", "copy", "target", Bound("here", why=GIVEN_UP)),
    Row("libvirtd", "killed", "after", "target", Bound("either", out=10, astray=30, low=10, why=TWICE)),
    Row("libvirtd", "restarted", "after", "target", Bound("either", out=10, astray=30, low=10, why=TWICE)),
    Row("libvirtd", "killed", None, None, Bound("either", out=5, astray=5, low=5, why=DECIDES)),
    Row("libvirtd", "restarted", None, None, Bound("either", out=5, astray=5, low=5, why=DECIDES)),
    # The copy ends meanwhile, so that it hangs in the switch-over too.
    Row("libvirtd", "hung", "copy", "target", Bound("either", out=10, astray=30, low=10, why=TWICE)),
    Row("libvirtd", "hung", "frozen", "target", Bound("either", out=10, astray=30, low=10, why=TWICE)),
    Row("libvirtd", "hung", "copy", "source", Bound("either", out=35, why=WAITS)),
    # The source's waits for its answer for half a minute as well, and then has the VM go on: so both only as the fault ends.
    Row("libvirtd", "hung", "after", "target", Bound("either", out=10, astray=10, low=35, why=f"{UNHEARD}; {TWICE}")),
    Row("libvirtd", "hung", None, None, Bound("either", why=GIVEN_UP)),
    Row("libvirtd", "no descriptors", None, None, Bound("either", why=GIVEN_UP)),
    Row("libvirtd", "socket removed", None, None, Bound("either", why=ENDED_BY)),
    Row("libvirtd", "clock forth", None, None, Bound("either", why=GIVEN_UP)),
    Row("libvirtd", "clock back", None, None, Bound("either", why=GIVEN_UP)),
    Row("switch", "killed", None, None, Bound(out=20, low=20, astray=20, why=CUT_OFF)),
    Row("switch", "restarted", None, None, Bound(out=15, low=15, astray=15, why=SESSIONS)),
    Row("switch", "hung", "idle", None, Bound(out=20, low=20, why=EXPIRED)),
    Row("switch", "hung", None, None, Bound(out=45, low=45, astray=45, why=DEAF)),
    Row("host", "killed", "copy", "target", Bound("here", why=STAYS)),
    Row("host", "killed", "frozen", "target", Bound("here", out=40, low=5, why=HALF_A_MINUTE)),
    Row("host", "killed", "after", "source", Bound(out=5)),
    Row("host", "killed", None, None, Bound("either", out=20, low=20, astray=5, why=GONE)),
    Row("host", "hung", "after", "source", Bound("either")),
    Row("host", "hung", "copy", "target", Bound("either", why=GIVEN_UP)),
    Row("host", "hung", None, None, Bound("either", out=50, low=50, astray=25, why=STILL)),
    Row("host", "slow", None, None, Bound("either", out=2, why=SLOW)),
)

# The riskiest, in each run of the tests.
SAMPLE = (
    ("agent", "hung", "frozen", "target"),
    ("agent", "socket removed", "copy", "source"),
    ("agent", "disk full", "copy", "target"),
    ("relay", "disk full", "idle", "source"),
    ("exabgp", "restarted", "frozen", "source"),
    ("libvirtd", "killed", "frozen", "source"),
    ("switch", "restarted", "after", "target"),
    ("host", "killed", "idle", "source"),
)


class Cell(NamedTuple):
    """One cell of the matrix."""

    part: str
    fault: str
    moment: str
    side: str

    @property
    def name(self):
        return "-".join(self).replace(" ", "-")

    @property
    def reason(self):
        """Why it does not apply; None where it does."""
        return NOT.get((self.part, self.fault))

    @property
    def bound(self):
        """What may come of it at most."""
        found = next((row.bound for row in EXPECTED
                      if all(of in (None, mine) for of, mine in zip(row[:4], self))), Bound())
        return found if self.moment != "idle" or (self.part, found.ends) == ("host", "either") else found._replace(ends="here")


def cells():
    """All of them, in the order of the table."""
    return [Cell(part, fault, *stage) for part in PARTS for fault in FAULTS for stage in STAGES]
