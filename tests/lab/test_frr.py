"""FRR's log and table are read right: lines as FRR 8.4.4 wrote them on tor1 of the leaf-spine fabric."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from roamlab import frr
from roamlab.clock import nanoseconds
from roamlab.ladder import Route
from roamlab.timeline import Best, Seen, Session
from roamlab.topology import LEAF_SPINE, REFLECTOR, LabError

V4, V6 = "198.51.100.10/32", "2001:db8:5::10/128"


def bgp(time, text):
    return f"2026/11/23 02:15:{time} BGP: {text}"


STARTS = "2026/11/23 02:14:56.588712 LAB: bgpd starts"
UP = [
    bgp("04.210121", "[SCW43-WN4M1] 172.16.10.2 OPEN has Graceful Restart capability (64), length 10"),
    bgp("04.212209", "[ZQHFG-DQGX1] 172.16.10.2 went from OpenConfirm to Established"),
    bgp("04.212210", "[N9HHH-F8H1M] %ADJCHANGE: neighbor 172.16.10.2(Unknown) in vrf default Up"),
]
CAME = [
    bgp("04.489523", "[T5AAP-5GA85] 172.16.10.2(Unknown) rcvd UPDATE w/ attr: nexthop 172.16.10.2, origin i, metric 100, "
                     "large-community 65101:82:1 65101:90:1, path 65101 65101 65101 65101"),
    bgp("04.489530", "[PCFFM-WMARW] 172.16.10.2(Unknown) rcvd UPDATE wlen 0 attrlen 66 alen 5"),
    bgp("04.489551", "[YCKEM-GB33T] 172.16.10.2(Unknown) rcvd 198.51.100.10/32 IPv4 unicast"),
    bgp("04.492748", "[T5AAP-5GA85] 172.16.10.2(Unknown) rcvd UPDATE w/ attr: , origin i, mp_nexthop 2001:db8:0:10::2, "
                     "metric 100, large-community 65101:82:1 65101:90:1, path 65101 65101 65101 65101"),
    bgp("04.492772", "[YCKEM-GB33T] 172.16.10.2(Unknown) rcvd 2001:db8:5::10/128 IPv6 unicast"),
]
CHOSEN = bgp("04.539590", "[N6CTF-2RSKS] 198.51.100.10/32(VRF default): After path selection, newbest is path 172.16.10.2 "
                          "oldbest was NONE")
LOST = [
    bgp("16.471165", "[PXVXG-TFNNT] %ADJCHANGE: neighbor 172.16.10.2(Unknown) in vrf default Down NSF peer closed the session"),
    bgp("16.471170", "[RPZW2-39GTY] 172.16.10.2(Unknown) graceful restart timer started for 120 sec"),
    bgp("16.471172", "[TK2B6-ZF4MR] 172.16.10.2(Unknown) graceful restart stalepath timer started for 360 sec"),
    bgp("16.471523", "[ZQHFG-DQGX1] 172.16.10.2 went from Established to Clearing"),
]


def at(time):
    return nanoseconds(f"2026-11-23 02:15:{time}")


def seen(time, prefix, rung, neighbor="h1", host="h1"):
    return Seen(at(time), "tor1", neighbor, prefix, True, rung, host)


def gone(time, prefix, neighbor="h1", host="h1"):
    return Seen(at(time), "tor1", neighbor, prefix, False, None, host)


def down(text):
    return Session(at("16.471165"), "tor1", "h1", f"down: {text}")


def read(*lines):
    return list(frr.entries(LEAF_SPINE, "tor1", lines))


BOTH_CAME = [seen("04.489551", V4, "active"), seen("04.492772", V6, "active")]
KEPT = [*BOTH_CAME, down("NSF peer closed the session")]


def test_a_route_that_comes_changes_and_goes_is_seen_with_its_rung():
    assert read(
        STARTS, *UP, *CAME,
        bgp("09.115921", "[T5AAP-5GA85] 172.16.10.2(Unknown) rcvd UPDATE w/ attr: nexthop 172.16.10.2, origin i, metric 300, "
                         "large-community 65101:82:4 65101:90:1, path 65101 65101 65101 65101"),
        bgp("09.115946", "[YCKEM-GB33T] 172.16.10.2(Unknown) rcvd 198.51.100.10/32 IPv4 unicast"),
        bgp("13.530706", "[PAPP6-VDAWM] 172.16.10.2(Unknown) rcvd UPDATE about 198.51.100.10/32 IPv4 unicast -- withdrawn"),
        bgp("13.532088", "[T5AAP-5GA85] 172.16.10.2(Unknown) rcvd UPDATE w/ attr: , origin i, path 65101"),
        bgp("13.532100", "[PAPP6-VDAWM] 172.16.10.2(Unknown) rcvd UPDATE about 2001:db8:5::10/128 IPv6 unicast -- withdrawn"),
    ) == [*BOTH_CAME, seen("09.115946", V4, "leaving"), gone("13.530706", V4), gone("13.532100", V6)]


def test_a_route_without_roamds_mark_has_no_rung_and_one_that_is_refused_is_not_seen():
    assert read(
        bgp("04.255305", "[T5AAP-5GA85] 172.16.10.2(Unknown) rcvd UPDATE w/ attr: nexthop 172.16.10.2, origin i, path 65101"),
        bgp("04.255330", "[YCKEM-GB33T] 172.16.10.2(Unknown) rcvd 192.0.2.9/32 IPv4 unicast"),
        bgp("04.493390", "[T5AAP-5GA85] 172.16.10.2(Unknown) rcvd UPDATE w/ attr: nexthop 172.16.10.2, origin i, path 65101"),
        bgp("04.493399", "[RZMGQ-A03CG] 172.16.10.2(Unknown) rcvd UPDATE about 10.0.0.0/8 IPv4 unicast -- DENIED due to: filter;"),
    ) == [seen("04.255330", "192.0.2.9/32", None)]


def test_a_spine_may_send_several_paths_and_a_host_is_gone_with_its_last():
    def came(time, number, host):
        return [
            bgp(time, "[T5AAP-5GA85] 172.16.4.1(Unknown) rcvd UPDATE w/ attr: nexthop 172.16.4.1, origin i, "
                      f"large-community 65102:82:3 65102:90:{host}, path 65000 65002 65102"),
            bgp(time, f"[YCKEM-GB33T] 172.16.4.1(Unknown) rcvd 198.51.100.10/32 with addpath ID {number} IPv4 unicast")]

    def went(time, number):
        return bgp(time, "[PAPP6-VDAWM] 172.16.4.1(Unknown) rcvd UPDATE about 198.51.100.10/32 with addpath ID "
                         f"{number} IPv4 unicast -- withdrawn")
    assert read(
        *came("06.051337", 179, 2), *came("06.051844", 180, 1), *came("06.052011", 181, 2),
        bgp("09.166001", "[N6CTF-2RSKS] 198.51.100.10/32(VRF default): After path selection, newbest is path 172.16.4.1 "
                         "(addpath rxid 179) oldbest was 172.16.10.2"),
        went("10.000001", 179), went("10.000002", 181),
    ) == [
        seen("06.051337", V4, "standby", "s1", "h2"), seen("06.051844", V4, "standby", "s1", "h1"),
        seen("06.052011", V4, "standby", "s1", "h2"), Best(at("09.166001"), "tor1", V4, "s1", "h2"),
        gone("10.000002", V4, "s1", "h2")]


def test_a_spine_that_hands_on_its_best_route_only_puts_one_hosts_in_the_place_of_anothers():
    def came(time, host):
        return [
            bgp(time, "[T5AAP-5GA85] 172.16.4.1(Unknown) rcvd UPDATE w/ attr: nexthop 172.16.4.1, origin i, "
                      f"large-community 65102:82:1 65102:90:{host}, path 65000 65002 65102"),
            bgp(time, "[YCKEM-GB33T] 172.16.4.1(Unknown) rcvd 198.51.100.10/32 IPv4 unicast")]
    assert read(*came("06.051337", 1), *came("06.051844", 2)) == [
        seen("06.051337", V4, "active", "s1", "h1"), gone("06.051844", V4, "s1", "h1"), seen("06.051844", V4, "active", "s1", "h2")]


def test_the_best_route_is_told_when_it_changes():
    assert read(
        *CAME, CHOSEN,
        bgp("06.101391", "[N6CTF-2RSKS] 198.51.100.10/32(VRF default): After path selection, newbest is path 172.16.10.2 "
                         "oldbest was 172.16.10.2"),
        bgp("48.579352", "[N6CTF-2RSKS] 198.51.100.10/32(VRF default): After path selection, newbest is NONE oldbest was "
                         "172.16.10.2"),
    ) == [*BOTH_CAME, Best(at("04.539590"), "tor1", V4, "h1", "h1"), Best(at("48.579352"), "tor1", V4, None, None)]


def test_the_end_of_a_session_ends_its_routes_of_both_families():
    assert read(
        *CAME,
        bgp("16.471165", "[PXVXG-TFNNT] %ADJCHANGE: neighbor 172.16.10.2(Unknown) in vrf default Down Peer closed the session"),
        bgp("16.471523", "[ZQHFG-DQGX1] 172.16.10.2 went from Established to Clearing"),
    ) == [*BOTH_CAME, down("Peer closed the session"), gone("16.471165", V4), gone("16.471165", V6)]


def test_routes_of_a_neighbor_that_restarts_stay_until_it_has_sent_all_that_it_has():
    assert read(
        *UP, *CAME, *LOST, *UP,
        bgp("23.345955", "[NJYMB-R5FFH] 172.16.10.2(Unknown) rcvd 198.51.100.10/32 IPv4 unicast...duplicate ignored"),
        bgp("26.263358", "[M59KS-A3ZXZ] bgp_update_receive: rcvd End-of-RIB for IPv4 Unicast from 172.16.10.2 in vrf default"),
        bgp("26.263410", "[M59KS-A3ZXZ] bgp_update_receive: rcvd End-of-RIB for IPv6 Unicast from 172.16.10.2 in vrf default"),
    ) == [*KEPT, gone("26.263410", V6)]


def test_routes_of_a_neighbor_that_does_not_come_back_in_time_end():
    assert read(
        *UP, *CAME, *LOST,
        bgp("30.663119", "[MJ1TJ-HEE3V] 172.16.10.2(Unknown) graceful restart timer expired"),
        bgp("30.663128", "[ZTA2J-YRKGY] 172.16.10.2(Unknown) graceful restart stalepath timer stopped"),
    ) == [*KEPT, gone("30.663119", V4), gone("30.663119", V6)]


def test_routes_of_a_neighbor_that_comes_back_without_graceful_restart_end_at_once():
    assert read(*UP, *CAME, *LOST, UP[2]) == [*KEPT, gone("04.212210", V4), gone("04.212210", V6)]


def test_a_bgpd_that_starts_again_has_no_routes():
    assert read(STARTS, *UP, *CAME, CHOSEN, "2026/11/23 02:15:58.600000 LAB: bgpd starts", *CAME[:3]) == [
        *BOTH_CAME, Best(at("04.539590"), "tor1", V4, "h1", "h1"), gone("58.600000", V4), gone("58.600000", V6),
        Best(at("58.600000"), "tor1", V4, None, None), BOTH_CAME[0]]


def test_lines_of_other_daemons_and_halves_of_lines_say_nothing():
    assert read("2026/11/23 02:15:58.511722 ZEBRA: [VXKFG-8SJRV][EC 4043309121] Client 'bgp' encountered an error",
                "2026/11/23 02:1", "") == []


def test_the_table_lists_all_routes_of_a_prefix_and_which_is_the_best():
    text = """{"prefix":"198.51.100.10/32","paths":[
      {"aspath":{"string":"65000 65002 65102"},"valid":true,"largeCommunity":{"string":"65102:82:3 65102:90:2"},
       "peer":{"peerId":"172.16.4.1","routerId":"192.0.2.5","type":"external"}},
      {"aspath":{"string":"65101 65101"},"valid":true,"bestpath":{"overall":true,"selectionReason":"AS Path"},
       "largeCommunity":{"string":"65101:82:1 65101:90:1"},"peer":{"peerId":"172.16.10.2","type":"external"}}]}"""
    assert frr.read_paths(LEAF_SPINE, "tor1", text) == [Route("s1", "standby", False, "h2"), Route("h1", "active", True, "h1")]
    assert frr.read_paths(LEAF_SPINE, "tor1", "{}\n") == []


def test_a_router_and_its_neighbor_in_one_as_are_refused():
    lab = SimpleNamespace(topology=REFLECTOR, options=SimpleNamespace(rungs_decide=False, graceful=False, bfd=False, maximum=20000))
    with pytest.raises(LabError, match="tor1 and core are in one AS"):
        frr.configuration(lab, replace(REFLECTOR.node("tor1"), speaker="frr"), "frr.log")
