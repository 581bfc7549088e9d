"""What the parts of the lab write is read right: lines as BIRD 2.0.12, iproute2 6.1 and roamd wrote them."""

from roamlab.bgp import Route, routes, rung
from roamlab.recording import agent_entries, bird_entries, event_name, kernel_entries, nanoseconds
from roamlab.timeline import Best, Forwards, Log, Probes, Seen, Session

PREFIX = "198.51.100.10/32"
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
        "2026-11-22 22:37:02.694396 <INFO> BEST h2 198.51.100.10/32",
        "2026-11-22 22:37:02.694396 <TRACE> h1.ipv4 > removed 198.51.100.10/32 0L 9G unicast",
        "2026-11-22 22:37:02.694396 <TRACE> h1.ipv4 > removed [sole] 198.51.100.10/32 0L 9G unicast",
        "2026-11-22 22:37:02.694396 <TRACE> forward.ipv4 < removed 198.51.100.10/32 0L 9G unicast",
        "2026-11-22 22:37:02.694396 <RMT> h1: Received: Cease",
        "half a line",
    ]
    assert list(bird_entries("tor", lines)) == [
        Seen(AT, "tor", "h2", PREFIX, True, "standby"),
        Seen(AT, "tor", "h2", "192.0.2.4/32", True, None),
        Best(AT, "tor", PREFIX, "h2"),
        Seen(AT, "tor", "h1", PREFIX, False, None),
        Seen(AT, "tor", "h1", PREFIX, False, None),
        Best(AT, "tor", PREFIX, None),
        Session(AT, "tor", "h1", "Received: Cease"),
    ]


def test_the_kernels_routes_lead_to_the_neighbor_behind_the_next_hop():
    lines = [
        "[2026-11-22T22:37:02.694396] 198.51.100.10 via 172.16.2.2 dev h1 proto bird metric 32 ",
        "[2026-11-22T22:37:02.694396] Deleted 198.51.100.10 via 172.16.2.2 dev h1 proto bird metric 32 ",
        "[2026-11-22T22:37:02.694396] 172.16.1.0/24 dev client proto kernel scope link src 172.16.1.1 ",
    ]
    assert list(kernel_entries("tor", {"172.16.2.2": "h1"}, lines)) == [
        Forwards(AT, "tor", PREFIX, "h1"), Forwards(AT, "tor", PREFIX, None)]


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


def test_a_rung_is_that_of_roamds_own_mark():
    assert rung("(65101, 1, 2) (65101, 82, 4)") == "leaving"
    assert rung("(65101, 1, 2)") is None


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
    assert routes(text) == {
        PREFIX: [Route("h1", "active", True), Route("h2", "standby", False)],
        "192.0.2.3/32": [Route("h1", None, True)],
    }


def test_losses_and_silence_are_counted_from_the_probes():
    probes = Probes((0, 2, 4, 6, 8), (1, None, None, 7, 9), ())
    assert (probes.lost, probes.longest_loss(), probes.silence()) == (2, 4, (6, 1))
