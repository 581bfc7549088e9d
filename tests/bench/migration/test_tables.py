"""Tables of figures written by hand."""

from migration import tables
from migration.crossing import Crossing, Sight
from migration.figures import Figures, Pace
from migration.turning import (
    BEHIND_SPINES, ONE_SWITCH, SOURCE_HOST, SOURCE_SWITCH, TARGET_HOST, TARGET_SWITCH, THIRD_HOST, Turn)


def crossing(lost, turn, places=(ONE_SWITCH,), unreachable=0, beyond=20):
    """A migration in which the clients in these places lost so many probes, and one more from place to place."""
    sights = {f"c{number}": Sight(
        place, Figures(lost + number, 6, 200, 200 - beyond, beyond, unreachable, number, 3), Pace(1, 2, 1))
        for number, place in enumerate(places)}
    return Crossing("h1", "h2", sights, turn, [])


def one_switch(lost=3, turned=0.2):
    return crossing(lost, Turn(routers=1, hops=0, begun=3, heard=0, turned=turned, without=0))


def fabric(lost=4, turned=2.2, without=0, **others):
    return crossing(lost, Turn(routers=5, hops=2, begun=3, heard=1.5, turned=turned, without=without),
                    (SOURCE_SWITCH, TARGET_SWITCH, BEHIND_SPINES), **others)


def test_the_spread_is_smallest_median_and_largest():
    assert tables.spread([9, 1, 4, 2]) == (1, 3, 9)


def test_the_table_of_ways_has_a_row_for_each_figure_and_a_column_for_each_mode():
    lines = tables.ways({
        "roamd": [Figures(3, 6, 200, 180, 20, 0, 0, 2), Figures(2, 4, 190, 160, 30, 0, 1, 4.26)],
        "layer2": [Figures(80, 160, 170, 165, 5, 1, 0, None)],
    })
    assert lines == [
        "                                           roamd       layer2",
        "migrations                                     2            1",
        "probes lost                              2/2.5/3     80/80/80",
        "longest loss, ms                           4/5/6  160/160/160",
        "silence, ms                          190/195/200  170/170/170",
        "QEMU's downtime, ms                  160/170/180  165/165/165",
        "silence less downtime, ms               20/25/30        5/5/5",
        "ICMP unreachables                          0/0/0        1/1/1",
        "ICMP time exceeded                       0/0.5/1        0/0/0",
        "route moved after guest stopped, ms    2/3.1/4.3            -",
    ]


def test_the_table_of_networks_has_a_block_for_each_place_and_the_client_on_one_switch_in_all_of_them():
    lines = tables.networks({"one-tor": [one_switch()], "leaf-spine": [fabric()]})
    assert lines == [
        "                                            one-tor   leaf-spine",
        "migrations                                        1            1",
        "routers                                           1            5",
        "BGP hops to the farthest                          0            2",
        "guest stopped to first update, ms             3/3/3        3/3/3",
        "first update to last router told, ms          0/0/0  1.5/1.5/1.5",
        "first update to last router turned, ms  0.2/0.2/0.2  2.2/2.2/2.2",
        "routers ever without a route                  0/0/0        0/0/0",
        "QEMU's downtime, ms                     180/180/180  180/180/180",
        "route moved after guest stopped, ms           3/3/3        3/3/3",
        "client behind the spines",
        "  probes lost                                 3/3/3        6/6/6",
        "  longest loss, ms                            6/6/6        6/6/6",
        "  silence, ms                           200/200/200  200/200/200",
        "  silence less downtime, ms                20/20/20     20/20/20",
        "  ICMP unreachables                           0/0/0        0/0/0",
        "  ICMP time exceeded                          0/0/0        2/2/2",
        "client under the source's switch",
        "  probes lost                                 3/3/3        4/4/4",
        "  longest loss, ms                            6/6/6        6/6/6",
        "  silence, ms                           200/200/200  200/200/200",
        "  silence less downtime, ms                20/20/20     20/20/20",
        "  ICMP unreachables                           0/0/0        0/0/0",
        "  ICMP time exceeded                          0/0/0        0/0/0",
        "client under the destination's switch",
        "  probes lost                                 3/3/3        5/5/5",
        "  longest loss, ms                            6/6/6        6/6/6",
        "  silence, ms                           200/200/200  200/200/200",
        "  silence less downtime, ms                20/20/20     20/20/20",
        "  ICMP unreachables                           0/0/0        0/0/0",
        "  ICMP time exceeded                          0/0/0        1/1/1",
    ]


def test_one_switch_alone_has_one_block_of_its_own():
    lines = tables.networks({"one-tor": [one_switch(), one_switch()]})
    assert [line for line in lines if line.startswith("client")] == ["client on the one switch"]


def test_migrations_whose_routers_were_told_of_no_switch_over_leave_dashes():
    lines = tables.networks({"one-tor": [crossing(3, None)]})
    assert lines[2].split() == ["routers", "-"]
    assert lines[4].split()[-1] == "-"


def test_the_aims_on_one_switch_are_judged_by_medians_but_for_icmp_errors():
    found = [Figures(2, 4, 150, 100, 50, 0, 0, 2), Figures(3, 6, 130, 100, 30, 0, 0, 2),
             Figures(90, 180, 135, 100, 35, 0, 0, 2)]
    assert [aim.met for aim in tables.aims(found)] == [True, True, True]
    for errors in ({"unreachable": 1}, {"exceeded": 1}):
        assert [aim.met for aim in tables.aims([*found[:2], found[2]._replace(**errors)])] == [True, True, False]


def test_one_router_without_a_route_or_one_unreachable_misses_the_aims_of_a_network():
    assert [aim.met for aim in tables.network_aims([fabric(), fabric()])] == [True, True]
    assert [aim.met for aim in tables.network_aims([fabric(), fabric(without=1)])] == [False, True]
    assert [aim.met for aim in tables.network_aims([fabric(), fabric(unreachable=1)])] == [True, False]


def test_the_loss_of_vms_is_judged_place_by_place_by_medians():
    places = (SOURCE_HOST, TARGET_HOST, THIRD_HOST)
    # Each place loses one more than the one before it.
    found = [crossing(lost, one_switch().turn, places) for lost in (1, 2, 90)]
    assert [(aim.met, aim.text) for aim in tables.vm_aims(found)] == [
        (True, "median of the probes lost by a client in a VM on the source: 2, at most 3"),
        (True, "median of the probes lost by a client in a VM on the destination: 3, at most 3"),
        (False, "median of the probes lost by a client in a VM on a third host: 4, at most 3"),
    ]


def test_a_client_that_sees_no_icmp_errors_has_dashes_for_them_and_misses_no_aim():
    seen = crossing(1, one_switch().turn, (SOURCE_HOST,))
    blind = seen.clients["c0"]._replace(figures=seen.clients["c0"].figures._replace(unreachable=None, exceeded=None))
    lines = tables.networks({"roamd": [seen._replace(clients={"c0": blind})]})
    assert [line.split()[-1] for line in lines if "ICMP" in line] == ["-", "-"]
    assert all(aim.met for aim in tables.network_aims([seen._replace(clients={"c0": blind})]))


def test_a_network_is_compared_with_one_switch_by_medians():
    base = [one_switch(lost=3, turned=0.2), one_switch(lost=9, turned=0.4), one_switch(lost=3, turned=0.2)]
    assert list(tables.differences([fabric(turned=2.2), fabric(turned=2.2), fabric(turned=50, beyond=90)], base)) == [
        "first update to last router turned +2.0 ms; the farthest router is 2 BGP hops away, which makes 1.0 ms a hop, and the "
        "last router was told after 1.5",
        "client behind the spines: probes lost +3, silence less downtime +0 ms",
        "client under the source's switch: probes lost +1, silence less downtime +0 ms",
        "client under the destination's switch: probes lost +2, silence less downtime +0 ms",
    ]


def test_without_one_switch_in_the_same_run_nothing_is_compared():
    assert list(tables.differences([fabric()], [])) == []
