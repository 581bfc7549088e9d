"""The judge finds what it is there to find, shown on recordings written by hand, and nothing in one that is good."""

from dataclasses import replace

from roamlab.judge import frozen, judge
from roamlab.timeline import Best, Forwards, Lifecycle, Probes, Seen, Timeline
from roamlab.topology import LEAF_SPINE, ONE_TOR

PREFIX = "198.51.100.10/32"
MS = 1_000_000
# Of a migration from h1 to h2 by the book, in ms: the copy, the switch-over, the end of the source.
COPY, SUSPENDED, RESUMED, STOPPED, ENDED = 2_000, 10_000, 10_200, 12_000, 20_000


def seen(at, host, rung):
    """A host's route at the switch; rung None: withdrawn."""
    return Seen(at * MS, "tor", host, PREFIX, rung is not None, rung, host if rung else None)


def best(at, host):
    """The switch's choice, which its kernel follows at once."""
    return [Best(at * MS, "tor", PREFIX, host, host), Forwards(at * MS, "tor", PREFIX, frozenset({host} - {None}))]


def event(at, host, name, detail="MIGRATED"):
    return Lifecycle(at * MS, host, "svc", name, detail)


def answered(but=()):
    """A probe every 10 ms, lost in the given times."""
    sent = range(0, ENDED, 10)
    received = [None if any(begin <= at < end for begin, end in but) else (at + 1) * MS for at in sent]
    return Probes(tuple(at * MS for at in sent), tuple(received), ())


def by_the_book():
    """The entries of a good migration."""
    return [
        seen(0, "h1", "active"), *best(0, "h1"),
        event(COPY, "h2", "STARTED"), seen(COPY + 2, "h2", "standby"),
        event(SUSPENDED, "h1", "SUSPENDED"), seen(SUSPENDED + 2, "h1", "leaving"), *best(SUSPENDED + 2, "h2"),
        event(RESUMED, "h2", "RESUMED"), seen(RESUMED + 2, "h2", "arrived"),
        event(STOPPED, "h1", "STOPPED"), seen(STOPPED + 2, "h1", None),
    ]


def recording(*more, without=(), probes=None):
    """The good migration with entries more, and without some of its own."""
    entries = [entry for entry in by_the_book() if entry not in without] + list(more)
    entries.sort(key=lambda entry: entry.at)
    h1 = frozenset({"h1"})
    return Timeline("svc", PREFIX, ONE_TOR, 0, ENDED * MS, h1, h1, entries, {"client": probes or answered()})


def test_a_migration_by_the_book_is_good():
    assert judge(recording()) == []


def test_the_frozen_time_is_between_suspended_and_resumed():
    assert [(span.begin, span.end) for span in frozen(recording())] == [(SUSPENDED * MS, RESUMED * MS)]


def test_a_frozen_copy_that_is_preferred_in_the_copy_is_found():
    found = judge(recording(*best(COPY + 2, "h2"), *best(COPY + 3, "h1")))
    assert found == [
        "2002.0 ms: tor prefers h2, and the VM executes on h1, for 1.0 ms",
        "2002.0 ms: what comes to tor ends at h2, and the VM executes on h1, for 1.0 ms",
    ]


def test_a_source_that_stays_preferred_after_the_switch_over_is_found():
    found = judge(recording(*best(STOPPED, "h2"), without=best(SUSPENDED + 2, "h2")))
    assert found == [
        "11200.0 ms: tor prefers h1, and the VM executes on h2, for 800.0 ms",
        "11200.0 ms: what comes to tor ends at h1, and the VM executes on h2, for 800.0 ms",
    ]


def test_a_preference_that_follows_within_the_reaction_time_is_let_pass():
    assert judge(recording(*best(RESUMED + 900, "h2"), without=best(SUSPENDED + 2, "h2"))) == []


def test_a_gap_of_a_millisecond_without_any_route_is_found():
    found = judge(recording(*best(SUSPENDED + 50, None), *best(SUSPENDED + 51, "h2")))
    assert found == ["10050.0 ms: tor has no route at all, for 1.0 ms"]


def test_a_route_of_the_executing_host_that_flaps_is_found():
    found = judge(recording(seen(5_000, "h1", None), seen(5_002, "h1", "active")))
    assert found == ["5000.0 ms: tor has no route above standby from h1, where the VM executes, for 2.0 ms"]


def test_a_route_that_is_missing_where_the_vm_arrived_is_found():
    found = judge(recording(seen(RESUMED + 2, "h2", None), without=[seen(RESUMED + 2, "h2", "arrived")]))
    assert found == [
        "11200.0 ms: tor has no route above standby from h2, where the VM executes, for 8800.0 ms",
        "at the end: tor has no host above standby, and the VM executes on h2",
    ]


def test_two_hosts_on_one_rung_are_found():
    found = judge(recording(seen(COPY + 2, "h2", "active"), seen(COPY + 1_502, "h2", "standby")))
    assert found == ["2002.0 ms: tor has h1 and h2 both on active, for 1500.0 ms"]


def test_two_hosts_on_one_rung_are_let_pass_while_the_vm_stands_still():
    by_then = SUSPENDED + 5_000
    found = judge(recording(
        seen(SUSPENDED + 2, "h1", "standby"), seen(SUSPENDED + 4_000, "h1", "leaving"),
        event(by_then, "h2", "RESUMED"), seen(by_then + 2, "h2", "arrived"),
        event(by_then + 1_000, "h1", "STOPPED"), seen(by_then + 1_002, "h1", None),
        without=[seen(SUSPENDED + 2, "h1", "leaving"), *by_the_book()[-4:]]))
    assert found == []


def test_an_arrived_host_that_stays_on_standby_is_found():
    found = judge(recording(without=[seen(RESUMED + 2, "h2", "arrived")]))
    assert found == [
        "11200.0 ms: tor has no route above standby from h2, where the VM executes, for 8800.0 ms",
        "at the end: tor has no host above standby, and the VM executes on h2",
    ]


def test_what_is_over_in_a_moment_is_let_pass_where_that_is_asked_for():
    flaps = recording(seen(5_000, "h1", None), seen(5_002, "h1", "active"), *best(6_000, "h2"), *best(6_005, "h1"))
    assert judge(flaps, moment=5 * MS) == []
    assert len(judge(flaps, moment=4 * MS)) == 2


def test_a_source_that_is_never_demoted_is_found_at_the_end():
    found = judge(recording(without=[seen(SUSPENDED + 2, "h1", "leaving"), seen(STOPPED + 2, "h1", None)]))
    assert found == ["at the end: tor has h1 and h2 above standby, and the VM executes on h2"]


def test_a_kernel_that_forwards_elsewhere_than_the_best_route_leads_is_found():
    found = judge(recording(Forwards(15_000 * MS, "tor", PREFIX, frozenset({"h1"}))))
    assert found == [
        "15000.0 ms: what comes to tor ends at h1, and the VM executes on h2, for 5000.0 ms",
        "at the end: what comes to tor ends at h1, and the VM executes on h2",
    ]


def test_a_vm_that_executes_nowhere_at_the_end_is_found():
    assert judge(recording(event(19_000, "h2", "STOPPED"))) == ["at the end: the VM executes on no host"]


def test_a_vm_that_executes_on_two_hosts_is_found():
    found = judge(recording(event(RESUMED, "h2", "RESUMED"), event(RESUMED + 100, "h1", "RESUMED", "UNPAUSED")))
    assert "10300.0 ms: the VM executes on h1 and h2 at once, for 1700.0 ms" in found


def test_an_icmp_unreachable_is_found():
    probes = replace(answered(), unreachable=((10_100 * MS, "172.16.1.1", 0),))
    assert judge(recording(probes=probes)) == ["10100.0 ms: 172.16.1.1 answered client: unreachable (code 0)"]


def test_a_probe_that_dies_in_a_loop_is_found_but_not_while_the_vm_stands_still():
    assert judge(recording(probes=replace(answered(), exceeded=((10_100 * MS, "172.16.1.1", 0),)))) == []
    found = judge(recording(probes=replace(answered(), exceeded=((5_000 * MS, "172.16.1.1", 0),))))
    assert found == ["5000.0 ms: 172.16.1.1 answered client: time exceeded (code 0)"]


def test_a_long_loss_while_the_vm_executes_is_found():
    found = judge(recording(probes=answered(but=[(5_000, 6_500)])))
    assert found == ["5000.0 ms: no probe of client was answered, and the VM executes on h1, for 1500.0 ms"]


def test_a_guest_that_boots_need_not_answer_before_it_has():
    started = [event(RESUMED + 3, "h2", "STARTED", "BOOTED")]
    assert judge(recording(*started, probes=answered(but=[(SUSPENDED, RESUMED + 4_000)]))) == []
    # Some wait for it and are answered, and then there is no room for more.
    patient = answered(but=[(SUSPENDED, RESUMED + 4_000)])
    waited = tuple(RESUMED * MS + 4_000 * MS if RESUMED * MS < sent < (RESUMED + 1_500) * MS else received
                   for sent, received in zip(patient.sent, patient.received))
    assert judge(recording(*started, probes=replace(patient, received=waited))) == []
    found = judge(recording(*started, probes=answered(but=[(RESUMED + 4_000, RESUMED + 6_000)])))
    assert found == ["14200.0 ms: no probe of client was answered, and the VM executes on h2, for 2000.0 ms"]


def test_what_waits_for_seconds_in_a_frozen_copy_is_found_where_patience_has_an_end():
    probes = answered()
    late = tuple(RESUMED * MS if COPY * MS <= sent < (COPY + 3_000) * MS else arrival
                 for sent, arrival in zip(probes.sent, probes.received))
    drawn = recording(probes=replace(probes, received=late))
    assert judge(drawn) == []
    found = judge(drawn, patience=1_000 * MS)
    assert found == ["2000.0 ms: no probe of client was answered, and the VM executes on h1, for 3000.0 ms"]


def test_a_loss_in_the_frozen_time_is_let_pass():
    assert judge(recording(probes=answered(but=[(SUSPENDED, RESUMED)]))) == []


def test_a_client_that_reaches_nothing_at_the_end_is_found():
    found = judge(recording(probes=answered(but=[(RESUMED, ENDED)])))
    assert found[-1] == "at the end: client does not reach the VM"


def test_a_return_at_once_is_good():
    there_and_back = recording(
        event(14_000, "h1", "STARTED"), seen(14_002, "h1", "standby"),
        event(15_000, "h2", "SUSPENDED"), seen(15_002, "h2", "leaving"), *best(15_002, "h1"),
        event(15_100, "h1", "RESUMED"), seen(15_102, "h1", "arrived"),
        event(17_000, "h2", "STOPPED"), seen(17_002, "h2", None),
    )
    assert judge(there_and_back) == []


def test_a_migration_that_is_cancelled_is_good_when_the_source_never_lets_go():
    keep = [seen(0, "h1", "active"), *best(0, "h1"), event(COPY, "h2", "STARTED"), seen(COPY + 2, "h2", "standby")]
    ended = [event(SUSPENDED, "h2", "STOPPED", "FAILED"), seen(SUSPENDED + 2, "h2", None)]
    cancelled = recording(*ended, without=[entry for entry in by_the_book() if entry not in keep])
    assert judge(cancelled) == []


# How the VM's packets travel in two racks while it executes on h1, and where each router has its best route from.
TO_H1 = {"border": {"s1", "s2"}, "s1": {"tor1"}, "s2": {"tor1"}, "tor1": {"h1"}, "tor2": {"s1", "s2"}}


def in_racks(*more, without=()):
    """A VM that executes on h1 of two racks and stays there, as every router has it; and entries more."""
    entries = []
    for router, neighbors in TO_H1.items():
        entries += [Seen(0, router, neighbor, PREFIX, True, "active", "h1") for neighbor in sorted(neighbors)]
        entries += [Best(0, router, PREFIX, min(neighbors), "h1"), Forwards(0, router, PREFIX, frozenset(neighbors))]
    entries = sorted([*(entry for entry in entries if entry not in without), *more], key=lambda entry: entry.at)
    h1 = frozenset({"h1"})
    return Timeline("svc", PREFIX, LEAF_SPINE, 0, ENDED * MS, h1, h1, entries, {"client": answered()})


def forwards(at, router, *neighbors):
    return Forwards(at * MS, router, PREFIX, frozenset(neighbors))


def test_a_vm_that_stays_in_its_rack_is_good():
    assert judge(in_racks()) == []


def test_a_distant_router_that_prefers_another_host_is_found():
    found = judge(in_racks(Best(5_000 * MS, "border", PREFIX, "s2", "h2"), Best(5_001 * MS, "border", PREFIX, "s2", "h1")))
    assert found == ["5000.0 ms: border prefers h2, and the VM executes on h1, for 1.0 ms"]


def test_a_frozen_copy_that_draws_its_own_rack_is_found():
    found = judge(in_racks(
        Best(5_000 * MS, "tor2", PREFIX, "h2", "h2"), forwards(5_000, "tor2", "h2"),
        Best(5_400 * MS, "tor2", PREFIX, "s1", "h1"), forwards(5_400, "tor2", "s1", "s2")))
    assert found == [
        "5000.0 ms: tor2 prefers h2, and the VM executes on h1, for 400.0 ms",
        "5000.0 ms: what comes to tor2 ends at h2, and the VM executes on h1, for 400.0 ms",
    ]


def test_a_loop_between_two_routers_is_found_wherever_a_packet_can_get_into_it():
    found = judge(in_racks(forwards(5_000, "tor1", "s1"), forwards(5_002, "tor1", "h1")))
    assert [text.split(" and the VM")[0] for text in found] == [
        "5000.0 ms: what comes to border ends at a loop of s1 and tor1,",
        "5000.0 ms: what comes to s1 ends at a loop of s1 and tor1,",
        "5000.0 ms: what comes to s2 ends at a loop of s1 and tor1,",
        "5000.0 ms: what comes to tor1 ends at a loop of s1 and tor1,",
        "5000.0 ms: what comes to tor2 ends at a loop of s1 and tor1,",
    ]


def test_one_of_two_equal_paths_that_leads_nowhere_is_found():
    found = judge(in_racks(forwards(5_000, "s2"), forwards(5_003, "s2", "tor1")))
    assert "5000.0 ms: what comes to border ends at h1 and s2, which has no route, and the VM executes on h1, for 3.0 ms" in found


def test_a_route_that_only_the_switch_of_the_host_needs_is_missed_there_alone():
    gone = [Seen(5_000 * MS, "tor1", "h1", PREFIX, False, None, None), Seen(5_001 * MS, "tor1", "h1", PREFIX, True, "active", "h1")]
    assert judge(in_racks(*gone)) == ["5000.0 ms: tor1 has no route above standby from h1, where the VM executes, for 1.0 ms"]
    elsewhere = [Seen(5_000 * MS, "border", "s2", PREFIX, False, None, None)]
    assert judge(in_racks(*elsewhere)) == []


def test_while_libvirt_has_the_vm_nowhere_no_route_is_needed():
    saved = [
        event(SUSPENDED, "h1", "SUSPENDED", "PAUSED"), seen(SUSPENDED + 2, "h1", None), *best(SUSPENDED + 2, None),
        event(SUSPENDED + 100, "h1", "STOPPED", "SAVED"), event(SUSPENDED + 4_000, "h2", "STARTED", "RESTORED"),
        seen(SUSPENDED + 4_002, "h2", "standby"), *best(SUSPENDED + 4_002, "h2"),
        event(SUSPENDED + 4_100, "h2", "RESUMED", "FROM_SNAPSHOT"), seen(SUSPENDED + 4_102, "h2", "arrived"),
    ]
    began = [seen(0, "h1", "active"), *best(0, "h1")]
    assert judge(recording(*saved, without=[entry for entry in by_the_book() if entry not in began])) == []
