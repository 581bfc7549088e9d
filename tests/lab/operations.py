"""What the soak does to a lab, over and over and by chance: each operation moves the VM, breaks something, or waits."""

import time
from typing import NamedTuple

import breaking
from roamlab import agent
from roamlab.cells import Bound, cells
from roamlab.judge import spans
from roamlab.recording import Recording
from trial import SLOWLY, VM, converged, hosts, hurry

# Ends processes: what must live for the whole time, so that it can be seen whether it grows, is spared.
ENDS = ("killed", "restarted", "disk full", "clock forth", "clock back")
QUIET = 10


class Done(NamedTuple):
    """What came of an operation: for how many seconds probes may have been lost, what was worse than it should be, and all of it."""

    allowed: float
    worse: tuple
    told: str


def migrated(*options, then=None):
    """A migration with these options of virsh's; `then` is done at the target afterwards."""
    def operate(lab, recording, chance):
        source, target = hosts(lab)
        lab.migrate(VM, source, target, *options)
        if then:
            then(lab, recording, source, target)
    return operate


def resumed(lab, recording, source, target):
    recording.wait(source, "STOPPED", "MIGRATED")
    lab.virsh(target, "resume", VM)


def busy(lab, recording, chance):
    lab.order(VM, f"dirty 16 {chance.choice((8, 32))}")
    migrated()(lab, recording, chance)
    lab.order(VM, "idle")


def paused(lab, recording, chance):
    source, target = hosts(lab)
    lab.virsh(source, "suspend", VM)
    lab.migrate(VM, source, target)
    resumed(lab, recording, source, target)


def saved_and_restored(lab, recording, chance):
    source, target = hosts(lab)
    saved = lab.path / "soak.saved"
    lab.virsh(source, "save", VM, saved)
    recording.wait(source, "STOPPED", "SAVED")
    lab.virsh(target, "restore", saved)
    saved.unlink()


def cancelled(lab, recording, chance):
    source, target = hosts(lab)
    migration = lab.migration(VM, source, target, *SLOWLY)
    recording.wait(source, "ITERATION")
    lab.virsh(source, "domjobabort", VM)
    migration.fail()
    recording.wait(target, "STOPPED")


def refused(lab, recording, chance):
    source, target = hosts(lab)
    migration = lab.migration(VM, source, target, *SLOWLY)
    recording.wait(source, "ITERATION")
    lab.namespaces.signal(lab.qemu(VM, target))
    migration.fail()
    recording.wait(target, "STOPPED", "FAILED")


def reloaded(lab, recording, chance):
    """Maps with and without another VM, and one with a fault, also in the copy of a migration."""
    source, target = hosts(lab)
    every = agent.entries(lab.topology)
    migration = chance.random() < 0.5 and lab.migration(VM, source, target, *SLOWLY)
    if migration:
        recording.wait(source, "ITERATION")
    for _ in range(3):
        good = chance.random() < 0.7
        vms = {name: entry for name, entry in every.items() if name != "web"} if good else every | {"web": every[VM]}
        for host in lab.topology.hosts:
            if lab.reload(host.name, vms) != good:
                raise AssertionError(f"roamd on {host.name} took a map that is {'good' if good else 'faulty'} otherwise")
    for host in lab.topology.hosts:
        lab.reload(host.name)
    if migration:
        hurry(lab, source)
        migration.succeed()


def quiet(lab, recording, chance):
    time.sleep(QUIET)


# How often each is chosen, beside the others.
OPERATIONS = {
    "live migration": (4, migrated()),
    "peer-to-peer migration": (3, migrated("--p2p")),
    "post-copy migration": (2, migrated("--postcopy", "--postcopy-after-precopy")),
    "migration that defines and undefines": (2, migrated("--persistent", "--undefinesource")),
    "migration that leaves the VM paused": (1, migrated("--suspend", then=resumed)),
    "migration of a VM that writes": (2, busy),
    "migration of a paused VM": (1, paused),
    "save and restore": (1, saved_and_restored),
    "cancelled migration": (2, cancelled),
    "migration whose target dies": (1, refused),
    "reload": (3, reloaded),
    "quiet": (2, quiet),
}
# How often a cell of the matrix is, beside all of these.
BREAKS = 12


def choice(lab, chance, spared):
    """The next operation by chance: its name, and what does it to the lab."""
    names = [*OPERATIONS, "break"]
    [name] = chance.choices(names, [weight for weight, _ in OPERATIONS.values()] + [BREAKS])
    if name != "break":
        return name, lambda: operated(lab, OPERATIONS[name][1], chance)
    source, target = hosts(lab)

    def fits(cell):
        host = target if cell.side == "target" else source
        ends = cell.fault in ENDS and cell.part in ("agent", "relay", "exabgp", "host") or cell.fault == "socket removed"
        return not cell.reason and not (ends and host == spared)
    cell = chance.choice([cell for cell in cells() if fits(cell)])
    return " ".join(["break:", *cell]), lambda: broken(lab, cell)


def operated(lab, operate, chance):
    """Does something that may not be noticed at all, but for the time in which the VM stands still."""
    with Recording(lab, VM, interval=breaking.INTERVAL) as recording:
        operate(lab, recording, chance)
        converged(lab, lab.where(VM), seconds=breaking.BACK)
    found, _, worse = breaking.judged(Bound(), recording.timelines)
    return done(Bound(), recording.timelines, worse, found)


def broken(lab, cell):
    """A cell of the matrix."""
    seen = breaking.run(lab, cell)
    return done(cell.bound, [seen.timeline], seen.worse, seen.found)


def done(bound, timelines, worse, found):
    """An operation's bound, and the time in which the VM stood still by itself."""
    still = max(sum(span.end - span.begin for span in spans(each.executions(), each.ended) if not span.value)
                for each in timelines)
    allowed = bound.out + breaking.SLACK if bound.out else 0
    return Done(allowed + still / 1e9, worse, breaking.told(worse, found, timelines[0]))
