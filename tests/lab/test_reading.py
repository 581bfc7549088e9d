"""What the parts of the lab write is read right: lines as BIRD 2.0.12, iproute2 6.1 and roamd wrote them."""

import pytest

from roamlab import bird, fabric, guests, kernel
from roamlab.clock import nanoseconds
from roamlab.ladder import Mark, Route, mark
from roamlab.recording import agent_entries, event_name
from roamlab.timeline import Best, Forwards, Log, Probes, Seen, Session, Timeline
from roamlab.topology import LEAF_SPINE, ONE_TOR, LabError

PREFIX, PREFIX_V6 = "198.51.100.10/32", "2001:db8:5::10/128"
AT = 1_795_387_022_694_396_000


def test_a_time_is_read_to_the_microsecond():
    assert nanoseconds("2026-11-22 22:37:02.694396") == AT
    assert nanoseconds("2026-11-22T22:37:02.694396Z") == AT


def test_birds_log_tells_of_rungs_best_routes_and_withdraws():
    lines = [
        "2026-11-22 22:37:02.694396 <TRACE> h2.ipv4 > added 198.51.100.10/32 0L 10G unicast",
        "2026-11-22 22:37:02.694396 <INFO> SEEN h2 198.51.100.10/32 path (path 65101 65101) med 250 "
        "mark (lclist (65101, 82, 3))",
        "2026-11-22 22:37:02.694396 <INFO> SEEN h2 192.0.2.4/32 path (path 65101) med (void) mark (lclist )",
        "2026-11-22 22:37:02.694396 <INFO> BEST h2 198.51.100.10/32 mark (lclist (65101, 82, 3))",
        "2026-11-22 22:37:02.694396 <TRACE> h2.ipv4 > removed [sole] 198.51.100.10/32 0L 10G unicast",
        "2026-11-22 22:37:02.694396 <TRACE> forward4.ipv4 < removed 198.51.100.10/32 0L 9G unicast",
        "2026-11-22 22:37:02.694396 <RMT> h1: Received: Cease",
        "half a line",
    ]
    assert list(bird.entries(ONE_TOR, "tor", lines)) == [
        Seen(AT, "tor", "h2", PREFIX, True, "standby", "h2"),
        Seen(AT, "tor", "h2", "192.0.2.4/32", True, None, "h2"),
        Best(AT, "tor", PREFIX, "h2", "h2"),
        Seen(AT, "tor", "h2", PREFIX, False, None, "h2"),
        Best(AT, "tor", PREFIX, None, None),
        Session(AT, "tor", "h1", "Received: Cease"),
    ]


def test_a_spines_log_tells_from_which_host_a_route_is_whichever_family_and_switch_it_came_by():
    lines = [
        "2026-11-22 22:37:02.694396 <TRACE> tor1_v6.ipv6 > added [best] 2001:db8:5::10/128 4L 9G unicast",
        "2026-11-22 22:37:02.694396 <INFO> BEST tor1_v6 2001:db8:5::10/128 mark (lclist (65102, 82, 3) (65102, 90, 2))",
        "2026-11-22 22:37:02.694396 <INFO> SEEN tor1_v6 2001:db8:5::10/128 path (path 65001 65102) med (void) "
        "mark (lclist (65102, 82, 3) (65102, 90, 2))",
        "2026-11-22 22:37:02.694396 <TRACE> tor1_v6.ipv6 > removed 2001:db8:5::10/128 4L 9G unicast",
        "2026-11-22 22:37:02.694396 <TRACE> forward6.ipv6 < removed 2001:db8:5::10/128 0L 9G unicast",
    ]
    assert list(bird.entries(LEAF_SPINE, "s1", lines)) == [
        Best(AT, "s1", PREFIX_V6, "tor1", "h2"),
        Seen(AT, "s1", "tor1", PREFIX_V6, True, "standby", "h2"),
        Seen(AT, "s1", "tor1", PREFIX_V6, False, None, "h2"),
        Best(AT, "s1", PREFIX_V6, None, None),
    ]


def test_a_neighbor_that_hands_on_two_hosts_routes_withdraws_one_of_them():
    lines = [
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > added 198.51.100.10/32 113L 63G unicast",
        "2026-11-22 22:37:02.694396 <INFO> SEEN s1 198.51.100.10/32 path (path 65000 65002) med (void) "
        "mark (lclist (65102, 82, 3) (65102, 90, 2))",
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > added [best] 198.51.100.10/32 62L 63G unicast",
        "2026-11-22 22:37:02.694396 <INFO> SEEN s1 198.51.100.10/32 path (path 65000 65001) med (void) "
        "mark (lclist (65101, 82, 1) (65101, 90, 1))",
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > removed 198.51.100.10/32 113L 63G unicast",
    ]
    entries = list(bird.entries(LEAF_SPINE, "border", lines))
    assert entries == [
        Seen(AT, "border", "s1", PREFIX, True, "standby", "h2"),
        Seen(AT, "border", "s1", PREFIX, True, "active", "h1"),
        Seen(AT, "border", "s1", PREFIX, False, None, "h2"),
    ]
    timeline = Timeline("svc", PREFIX, LEAF_SPINE, 0, AT + 1, frozenset(), frozenset(), entries, {})
    assert timeline.heard("border")[-1] == (AT, {("s1", "h1"): "active"})


def test_a_neighbor_that_hands_on_its_best_route_only_puts_one_hosts_in_the_place_of_anothers():
    lines = [
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > added [best] 198.51.100.10/32 0L 63G unicast",
        "2026-11-22 22:37:02.694396 <INFO> SEEN s1 198.51.100.10/32 path (path 65000 65001) med (void) "
        "mark (lclist (65101, 82, 1) (65101, 90, 1))",
        "2026-11-22 22:37:02.694397 <TRACE> s1.ipv4 > added [best] 198.51.100.10/32 0L 64G unicast",
        "2026-11-22 22:37:02.694397 <INFO> SEEN s1 198.51.100.10/32 path (path 65000 65002) med (void) "
        "mark (lclist (65102, 82, 1) (65102, 90, 2))",
    ]
    entries = list(bird.entries(LEAF_SPINE, "border", lines))
    timeline = Timeline("svc", PREFIX, LEAF_SPINE, 0, AT + 2000, frozenset(), frozenset(), entries, {})
    assert timeline.heard("border")[-1] == (AT + 1000, {("s1", "h2"): "active"})


def test_the_same_path_under_a_new_number_is_not_withdrawn_with_the_old_one():
    comes = ("2026-11-22 22:37:02.694396 <INFO> SEEN s1 198.51.100.10/32 path (path 65000 65002) med (void) "
             "mark (lclist (65102, 82, 1) (65102, 90, 2))")
    lines = [
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > added [best] 198.51.100.10/32 113L 63G unicast", comes,
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > added 198.51.100.10/32 62L 64G unicast", comes,
        "2026-11-22 22:37:02.694396 <TRACE> s1.ipv4 > removed 198.51.100.10/32 113L 63G unicast",
    ]
    assert {entry.present for entry in bird.entries(LEAF_SPINE, "border", lines)} == {True}


def test_a_bird_that_starts_anew_knows_nothing_of_what_was_before():
    lines = [
        "2026-11-22 22:37:02.694396 <TRACE> h2.ipv4 > added [best] 198.51.100.10/32 0L 10G unicast",
        "2026-11-22 22:37:02.694396 <INFO> BEST h2 198.51.100.10/32 mark (lclist (65101, 82, 3))",
        "2026-11-22 22:37:02.694396 <INFO> SEEN h2 198.51.100.10/32 path (path 65101) med 250 mark (lclist (65101, 82, 3))",
        "2026-11-22 22:37:02.694396 <INFO> Started",
    ]
    assert list(bird.entries(ONE_TOR, "tor", lines))[2:] == [
        Seen(AT, "tor", "h2", PREFIX, False, None, None), Best(AT, "tor", PREFIX, None, None)]


def test_the_kernels_routes_lead_to_the_neighbors_behind_the_next_hops():
    lines = [
        "[2026-11-22T22:37:02.694396] 198.51.100.10 via 172.16.2.2 dev h1 proto bird metric 32 ",
        "[2026-11-22T22:37:02.694396] Deleted 198.51.100.10 via 172.16.2.2 dev h1 proto bird metric 32 ",
        "[2026-11-22T22:37:02.694396] 172.16.1.0/24 dev client proto kernel scope link src 172.16.1.1 ",
    ]
    assert list(kernel.entries("tor", ONE_TOR.neighbors("tor"), lines)) == [
        Forwards(AT, "tor", PREFIX, {"h1"}), Forwards(AT, "tor", PREFIX, frozenset())]


def test_the_kernels_routes_to_link_local_addresses_lead_to_the_neighbors_behind_the_interfaces():
    lines = [
        "[2026-11-22T22:37:02.694396] 2001:db8:5::10 nhid 33 proto bgp metric 20 pref medium",
        "\tnexthop via fe80::58ca:acff:fe4b:9c25 dev s1 weight 1 ",
        "\tnexthop via fe80::78fb:66ff:fefa:581f dev s2 weight 1 ",
    ]
    assert list(kernel.entries("tor1", LEAF_SPINE.neighbors("tor1"), lines)) == [
        Forwards(AT, "tor1", "2001:db8:5::10/128", {"s1", "s2"})]


def test_roamds_log_is_read_and_what_else_stands_in_the_file_is_not():
    lines = [
        '{"timestamp":"2026-11-22T22:37:02.694396Z","level":"INFO","message":"presence changed","vm":"svc","to":"incoming"}',
        "ExaBGP says something",
        "[]",
    ]
    assert list(agent_entries("h1", lines)) == [Log(AT, "h1", "INFO", "presence changed", {"vm": "svc", "to": "incoming"})]


def test_libvirts_numbers_have_names_and_unknown_ones_stay_numbers():
    assert event_name(3, 1) == ("SUSPENDED", "MIGRATED")
    assert event_name(4, 3) == ("RESUMED", "POSTCOPY")
    assert event_name(5, 99) == ("STOPPED", "99")
    assert event_name(42, 7) == ("42", "7")


def test_a_rung_is_that_of_roamds_own_mark_and_the_host_that_of_the_labs():
    assert mark("(65101, 1, 2) (65101, 82, 4) (65101, 90, 2)") == Mark("leaving", 2)
    assert mark("65101:82:4 65101:90:2") == Mark("leaving", 2)
    assert mark("(65101, 1, 2)") == Mark(None, None)


def test_birds_table_lists_all_routes_of_a_prefix_and_which_is_the_best():
    text = (
        "BIRD 2.0.12 ready.\n"
        "Table master4:\n"
        "198.51.100.10/32     unicast [h1 22:37:04.365] * (100) [AS65101i]\n"
        "\tvia 172.16.2.2 on h1\n"
        "\tBGP.med: 100\n"
        "\tBGP.large_community: (65101, 82, 1)\n"
        "                     unicast [h2 22:37:02.694] (100) [AS65101i]\n"
        "\tvia 172.16.3.2 on h2\n"
        "\tBGP.large_community: (65101, 82, 3)\n"
        "192.0.2.3/32         unicast [h1 22:36:15.943] * (100) [AS65101i]\n"
        "\tvia 172.16.2.2 on h1\n"
    )
    assert bird.read_table(ONE_TOR, text) == {
        PREFIX: [Route("h1", "active", True, "h1"), Route("h2", "standby", False, "h2")],
        "192.0.2.3/32": [Route("h1", None, True, "h1")],
    }


def test_losses_and_silence_are_counted_from_the_probes():
    probes = Probes((0, 2, 4, 6, 8), (1, None, None, 7, 9), ())
    assert (probes.lost, probes.longest_loss(), probes.silence()) == (2, 4, (6, 1))


def test_the_probes_of_a_guest_are_put_on_the_clock_of_those_who_ask():
    # Its clock said 5 s when it answered at AT.
    found = guests.parse(AT, "5000000 1000000:1002500 1040000: 1080000:1081000")
    second = 1_000_000_000
    assert found == Probes(
        sent=(AT - 4 * second, AT - 3_960_000_000, AT - 3_920_000_000),
        received=(AT - 3_997_500_000, None, AT - 3_919_000_000), unreachable=())


def test_a_guest_that_says_something_else_is_quoted():
    with pytest.raises(LabError, match="198.51.100.10 is not probed"):
        guests.parse(AT, "198.51.100.10 is not probed")


def test_a_fabrics_rows_tell_what_a_host_said_and_what_its_switch_did_by_itself():
    said = "2026-11-22 22:37:02.694396 "
    lines = [
        f"{said}<TRACE> h1: BGP session established",
        f"{said}<TRACE> h1: Got UPDATE",
        f"{said}<TRACE> h1.ipv4 > added [best] {PREFIX} 0L 10G unicast",
        f"{said}<INFO> SEEN h1 {PREFIX} path (path 65101 65101) med 250 mark (lclist (65101, 82, 3))",
        f"{said}<INFO> BEST h1 {PREFIX} mark (lclist (65101, 82, 3))",
        f"{said}<TRACE> h1: Got UPDATE",
        f"{said}<TRACE> h1.ipv4 > ignored [best] {PREFIX} 0L 10G unicast",
        f"{said}<TRACE> h1: Got UPDATE",
        f"{said}<TRACE> h1: Got END-OF-RIB",
        f"{said}<TRACE> h1.ipv4 > removed [sole] {PREFIX} 0L 10G unicast",
        f"{said}<TRACE> forward4.ipv4 < removed {PREFIX} 0L 9G unicast",
        f"{said}<TRACE> h1.ipv4 > ignored [best] 192.0.2.4/32 0L 10G unicast",
    ]
    assert fabric.rows(ONE_TOR, "tor", lines, {PREFIX}) == [[AT, "tor", *row] for row in (
        ["session", "h1", "begins"],
        ["told", "h1", PREFIX, "h1", "standby", 2, 250],
        ["best", PREFIX, "h1", "h1"],
        ["again", "h1", PREFIX],
        ["session", "h1", "has told all"],
        ["swept", "h1", PREFIX, "h1"],
        ["best", PREFIX, None, None],
    )]
