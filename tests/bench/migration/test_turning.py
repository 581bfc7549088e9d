"""Routers that turn to a new host, in entries written by hand; times in ms."""

import pytest
from roamlab.timeline import Best, Forwards, Seen, Timeline
from roamlab.topology import TOPOLOGIES

from migration import turning
from migration.turning import (
    BEHIND_SPINES, ONE_SWITCH, SOURCE_HOST, SOURCE_SWITCH, TARGET_HOST, TARGET_SWITCH, THIRD_HOST, Turn)

MS = 1_000_000
PREFIX = "198.51.100.10/32"
OTHER = "198.51.100.11/32"
# How leaf-spine forwards to a VM on h1, and on h2.
TO_H1 = {"border": ("s1", "s2"), "s1": ("tor1",), "s2": ("tor1",), "tor1": ("h1",), "tor2": ("s1", "s2")}
TO_H2 = {"border": ("s1", "s2"), "s1": ("tor2",), "s2": ("tor2",), "tor1": ("s1", "s2"), "tor2": ("h2",)}


def forwards(at, router, *neighbors, prefix=PREFIX):
    return Forwards(at * MS, router, prefix, frozenset(neighbors))


def hears(at, router, host, rung, prefix=PREFIX):
    return Seen(at * MS, router, "whoever", prefix, rung is not None, rung, host)


def best(at, router, host, prefix=PREFIX):
    return Best(at * MS, router, prefix, host and "whoever", host)


def timeline(topology, *entries):
    return Timeline("svc", PREFIX, TOPOLOGIES[topology], 0, 1000 * MS, frozenset({"h1"}), frozenset({"h1"}), list(entries), {})


def racks(*entries):
    """Two racks whose routers forward to h1 at first."""
    return timeline("leaf-spine", *(forwards(0, router, *neighbors) for router, neighbors in TO_H1.items()), *entries)


def turned(at):
    """Each router's turn to h2 at its own time; the border needs none."""
    return [forwards(when, router, *TO_H2[router]) for router, when in at.items()]


@pytest.mark.parametrize("topology, client, place", [
    ("one-tor", "client", ONE_SWITCH),
    ("leaf-spine", "client", BEHIND_SPINES), ("leaf-spine", "c1", SOURCE_SWITCH), ("leaf-spine", "c2", TARGET_SWITCH),
    ("reflector", "client", BEHIND_SPINES), ("reflector", "c1", SOURCE_SWITCH), ("reflector", "c2", TARGET_SWITCH),
])
def test_a_client_stands_in_relation_to_the_switches_of_both_hosts(topology, client, place):
    assert turning.place(TOPOLOGIES[topology], client, "h1", "h2") == place


def test_the_places_of_clients_under_switches_are_exchanged_on_the_way_back():
    assert turning.place(TOPOLOGIES["leaf-spine"], "c1", "h2", "h1") == TARGET_SWITCH


def test_a_vm_that_probes_stands_on_either_host_or_on_another():
    assert [turning.place_of_vm(host, "h2", "h1") for host in ("h1", "h2", "h3")] == [TARGET_HOST, SOURCE_HOST, THIRD_HOST]


def test_on_one_switch_everything_is_led_to_the_new_host_when_the_switch_last_turned_to_it():
    entries = [forwards(0, "tor", "h1"), forwards(5, "tor", "h2"), forwards(7, "tor", "h1"), forwards(12, "tor", "h2"),
               forwards(13, "tor", "h2")]
    assert turning.led(timeline("one-tor", *entries), "h2") == 12 * MS


@pytest.mark.parametrize("entries", [
    [], [forwards(0, "tor", "h1")], [forwards(0, "tor", "h2"), forwards(7, "tor")], [forwards(5, "tor", "h2", prefix=OTHER)],
])
def test_what_does_not_stay_with_the_new_host_was_never_led_there(entries):
    assert turning.led(timeline("one-tor", *entries), "h2") is None


def test_in_a_fabric_the_last_router_on_the_way_decides():
    assert turning.led(racks(*turned({"tor1": 1, "s1": 2, "tor2": 3, "s2": 4})), "h2") == 4 * MS


def test_one_of_two_spines_that_leads_to_the_old_host_is_enough_to_wait_for():
    assert turning.led(racks(*turned({"tor1": 1, "s1": 2, "tor2": 3})), "h2") is None


def test_a_later_choice_between_ways_that_all_end_at_the_new_host_does_not_count():
    balanced = [forwards(9, "border", "s1"), forwards(10, "border", "s1", "s2")]
    assert turning.led(racks(*turned({"tor1": 1, "s1": 2, "s2": 2, "tor2": 3}), *balanced), "h2") == 3 * MS


def test_a_turn_is_counted_from_the_update_that_the_switch_of_the_source_took():
    entries = [
        hears(99, "tor1", "h1", "leaving", prefix=OTHER), hears(99, "tor1", "h2", "standby"),
        hears(103, "tor1", "h1", "leaving"), forwards(103, "tor1", "s1", "s2"),
        hears(104, "s1", "h1", "leaving"), hears(105, "s2", "h1", "leaving"), *turned({"s1": 105, "s2": 106}),
        hears(107, "tor2", "h1", "leaving"), *turned({"tor2": 108}), hears(109, "border", "h1", "leaving"),
        # A second way of the same word is no news, and nor is its end.
        hears(111, "tor2", "h1", "leaving"), hears(300, "tor1", "h1", None),
    ]
    assert turning.turn(racks(*entries), "h1", "h2", 100 * MS) == Turn(
        routers=5, hops=2, begun=3, heard=6, turned=5, without=0)


def test_on_one_switch_there_is_no_way_to_go():
    entries = [forwards(0, "tor", "h1"), hears(2, "tor", "h1", "leaving"), forwards(3, "tor", "h2")]
    assert turning.turn(timeline("one-tor", *entries), "h1", "h2", 0) == Turn(
        routers=1, hops=0, begun=2, heard=0, turned=1, without=0)


def test_a_network_that_never_turns_is_told_apart_from_one_that_does():
    assert turning.turn(racks(hears(2, "tor1", "h1", "leaving")), "h1", "h2", 0).turned is None


def test_where_the_route_of_the_source_is_never_lowered_there_is_no_turn():
    entries = [hears(2, "tor", "h2", "standby"), hears(3, "tor", "h1", None), forwards(3, "tor", "h2")]
    assert turning.turn(timeline("one-tor", *entries), "h1", "h2", 0) is None


def test_a_router_without_a_route_counts_once_whether_bgp_or_the_kernel_was_without_it():
    entries = [
        hears(2, "tor1", "h1", "leaving"), best(3, "s1", None), forwards(3, "s1"), *turned({"s1": 3}), best(3, "s1", "h2"),
        forwards(4, "tor2"), best(5, "border", None, prefix=OTHER), *turned({"tor1": 6, "s2": 6, "tor2": 6}),
    ]
    assert turning.without_route(racks(*entries)) == {"s1", "tor2"}
    assert turning.turn(racks(*entries), "h1", "h2", 0).without == 2


@pytest.mark.parametrize("topology, source, hops", [("one-tor", "h1", 0), ("leaf-spine", "h1", 2), ("reflector", "h2", 2)])
def test_the_farthest_router_is_counted_in_sessions_on_the_shortest_way(topology, source, hops):
    topology = TOPOLOGIES[topology]
    assert turning.farthest(topology, topology.switches(source)) == hops
