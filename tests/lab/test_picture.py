"""A recording written by hand is drawn and summed up as it was, with nothing that a reader must not miss left out."""

import re

from roamlab.account import account, sentences, switch_over, unseen
from roamlab.picture import LANES_NEED, Style, draw, lanes, noise, rows, table
from roamlab.timeline import MAIN, Deed, Forwards, HostRoute, Log, Probes, Session
from test_judge import ENDED, MS, RESUMED, STOPPED, SUSPENDED, best, event, recording, seen

INTERVAL = 10
VIRSH = 1_500


def log(at, host, message, level="DEBUG", **fields):
    return Log(int(at * MS), host, level, message, fields)


def decision(at, host, presence, rung, was="arrived"):
    """An order to ExaBGP and the change of presence behind it, logged as roamd does."""
    order = {"message": "announce", "rung": rung} if rung else {"message": "withdraw"}
    return [log(at, host, prefix="198.51.100.10/32", **order),
            log(at + 0.4, host, "presence changed", "INFO", vm="svc", **{"from": was, "to": presence})]


# What roamd and the operator did in the migration that the judge's tests have by the book.
MORE = [
    Deed(VIRSH * MS, "virsh migrate"),
    *decision(2_001, "h2", "incoming", "standby"),
    log(SUSPENDED - 1, "h1", "libvirt event", vm="svc", event="suspended/migrated"), *decision(SUSPENDED, "h1", "departing", "leaving"),
    *decision(RESUMED + 1, "h2", "arrived", "arrived", "incoming"),
    *decision(STOPPED + 1, "h1", "absent", None, "departing"),
    event(STOPPED + 5, "h1", "JOB", {"downtime": 204}),
    log(STOPPED + 600, "h1", "withdraw", prefix="198.51.100.10/32"),
]
LOST = (SUSPENDED - 10, SUSPENDED)


def probes(lost=LOST, waits_until=RESUMED + 30, unreachable=()):
    """A probe every 10 ms answered after 1; those from the switch-over to the first answer wait for it, some are lost."""
    sent = range(0, ENDED, INTERVAL)

    def answer(at):
        if at in lost:
            return None
        return waits_until if SUSPENDED < at < waits_until else at + 1
    received = [answer(at) for at in sent]
    return Probes(tuple(at * MS for at in sent), tuple(at and at * MS for at in received), unreachable)


def drawn(*more, without=(), seen_by=None, style=Style()):
    told = [entry for entry in MORE if entry not in without]
    timeline = recording(*told, *more, without=without, probes=seen_by or probes())
    found = account(timeline, "h1", "h2", "tor", "client", INTERVAL * MS)
    return draw(rows(timeline, found), lanes(found), found.began, style)


def found(*more, without=(), seen_by=None):
    return account(recording(*MORE, *more, without=without, probes=seen_by or probes()), "h1", "h2", "tor", "client", INTERVAL * MS)


def cells(lines):
    """Time and the one filled cell of each line with its lane, without the head."""
    split = [[cell.strip() for cell in line.split("│")] for line in lines[2:]]
    return [(time, number, cell) for time, *row in split for number, cell in enumerate(row) if cell]


def test_a_migration_is_drawn_in_order_with_each_thing_in_its_lane():
    assert cells(drawn()) == [
        ("before", 0, "svc runs"),
        ("before", 1, "h1: active, best"),
        ("0.0", 0, "virsh migrate"),
        ("500.0", 2, "STARTED/MIGRATED"),
        ("501.0", 2, "roamd: incoming ⇒ standby"),
        ("502.0", 1, "h2: standby ◀"),
        ("8481.0", 3, "last answer"),
        ("8490.0", 3, "✗ 2 lost in 10.0 ms"),
        ("8499.0", 0, "SUSPENDED/MIGRATED"),
        ("8500.0", 0, "roamd: departing ⇒ leaving"),
        ("8502.0", 1, "▶ h1: leaving"),
        ("8502.0", 1, "best path: h1 → h2"),
        ("8502.0", 1, "forwards: h1 → h2"),
        ("8700.0", 2, "RESUMED/MIGRATED"),
        ("8701.0", 2, "roamd: arrived ⇒ arrived"),
        ("8702.0", 1, "h2: arrived ◀"),
        ("8730.0", 3, "✓ answers again"),
        ("8730.0", 3, "✓ all 22 that waited"),
        ("10500.0", 0, "STOPPED/MIGRATED"),
        ("10501.0", 0, "roamd: absent ⇒ withdraw"),
        ("10502.0", 1, "▶ h1: withdrawn"),
        ("10505.0", 0, "QEMU: downtime 204 ms"),
        ("11100.0", 0, "roamd: withdraw again"),
    ]


def test_the_kernels_ways_on_a_host_are_drawn_and_an_order_that_waits_for_them_is_none_again():
    prefix = "198.51.100.10/32"
    at_first = [HostRoute(0, "h1", prefix, table, True) for table in ("82", MAIN)]
    ways = [HostRoute(at * MS, host, prefix, table, present) for at, host, table, present in (
        (2_003, "h2", "82", True), (SUSPENDED + 3, "h1", MAIN, False), (RESUMED + 2, "h2", MAIN, True), (STOPPED + 3, "h1", "82", False))]
    other = HostRoute(2_003 * MS, "h2", "198.51.100.11/32", "82", True)
    held = decision(2_001, "h2", "incoming", "standby")
    late = [held[1], held[0]._replace(at=2_006 * MS)]
    found = cells(drawn(*at_first, *ways, other, *late, without=held))
    assert [each for each in found if each[2].startswith("host route")] == [
        ("before", 0, "host route: for all"), ("503.0", 2, "host route: uplink only"), ("8503.0", 0, "host route: uplink only"),
        ("8702.0", 2, "host route: for all"), ("10503.0", 0, "host route: none"),
    ]
    assert [each for each in found if each[1] == 2 and "roamd" in each[2]][:2] == [
        ("501.4", 2, "roamd: incoming"), ("506.0", 2, "roamd: standby")]


def test_the_account_has_the_figures_of_the_recording():
    one = found()
    assert (one.lost, one.longest_loss, one.silence, one.waited) == (2, 20 * MS, 249 * MS, 22)
    assert (one.downtime_ms, one.silence_less_downtime, one.late) == (204, 45 * MS, 0)
    assert (one.offered, one.stopped, one.turned, one.resumed) == (2_002 * MS, 9_999 * MS, 10_002 * MS, 10_200 * MS)
    assert unseen(one) == []


def test_the_way_of_a_switch_over_is_divided_among_its_parts():
    assert [(span / MS, what) for span, what in switch_over(found())] == [
        (18.0, "until libvirt told"), (1.0, "in roamd"), (2.0, "by ExaBGP, BGP and tor")]


def test_the_sentences_say_what_was_seen():
    assert list(sentences(found())) == [
        "h2 offered the route on a low rung while the memory was being copied, 7997.0 ms before h1 stopped.",
        "h1 lowered its own when the guest stood still, and tor forwarded to h2 198.0 ms before the guest ran there.",
        "22 probes waited in h2's tap meanwhile and were answered, the first 30.0 ms after the guest ran.",
        "2 probes were lost. From h1's last answer to tor's turn it took 21.0 ms: 18.0 ms until libvirt told, 1.0 ms in roamd, "
        "2.0 ms by ExaBGP, BGP and tor.",
    ]


def test_a_switch_that_turns_after_the_guest_ran_is_said_so():
    late = found(*best(RESUMED + 50, "h2"), without=best(SUSPENDED + 2, "h2"))
    assert "tor forwarded to h2 50.0 ms AFTER the guest ran there." in list(sentences(late))[1]


def test_a_migration_without_loss_is_said_to_be_so():
    assert list(sentences(found(seen_by=probes(lost=()))))[-1] == "No probe was lost."


def test_a_switch_that_never_turns_is_named():
    stuck = found(without=best(SUSPENDED + 2, "h2"))
    assert unseen(stuck) == ["tor never forwarded to h2"]
    assert list(sentences(stuck)) == []


def test_a_qemu_that_tells_no_downtime_is_named_and_the_table_says_unknown():
    timeline = recording(*[entry for entry in MORE if getattr(entry, "event", None) != "JOB"], probes=probes())
    silent = account(timeline, "h1", "h2", "tor", "client", INTERVAL * MS)
    assert unseen(silent) == ["QEMU on h1 did not tell its downtime"]
    assert list(table([silent]))[1].split() == ["h1", "→", "h2", "2", "of", "2000", "20.0", "ms", "249.0", "ms", "unknown", "unknown"]


def test_the_table_has_a_line_for_each_migration():
    assert list(table([found()])) == [
        "migration   probes lost   longest loss    silence   QEMU downtime   silence less downtime",
        "h1 → h2       2 of 2000        20.0 ms   249.0 ms          204 ms                 45.0 ms",
    ]


def test_a_gap_in_the_routes_is_drawn_as_a_fault():
    gap = [*best(SUSPENDED + 50, None), *best(SUSPENDED + 60, "h2")]
    shown = [text for _, lane, text in cells(drawn(*gap)) if lane == 1]
    assert ["best path: h2 → NONE", "forwards: h2 → NONE", "best path: none → h2", "forwards: none → h2"] == shown[5:9]


def test_warnings_lost_sessions_and_unreachables_are_drawn():
    lines = cells(drawn(
        log(5_000, "h2", "ExaBGP does not answer", "WARN"), Session(5_100 * MS, "tor", "h1", "Received: Hold timer expired"),
        seen_by=probes(unreachable=((10_100 * MS, "172.16.1.1", 0),))))
    assert ("3500.0", 2, "roamd WARN: ExaBGP does not") in lines
    assert ("3600.0", 1, "session h1:") in lines
    assert ("8600.0", 3, "✗ unreachable (code 0)") in lines


def test_a_route_without_a_mark_and_another_prefix_are_told_apart():
    other = Forwards(6_000 * MS, "tor", "192.0.2.3/32", "h2")
    shown = [text for _, lane, text in cells(drawn(seen(6_000, "h1", None), seen(6_001, "h1", "")._replace(present=True, rung=None), other))
             if lane == 1]
    assert shown[2:4] == ["▶ h1: withdrawn", "▶ h1: without a mark"]


def test_a_presence_of_no_consequence_is_not_drawn():
    idle = log(1_800, "h2", "presence changed", vm="svc", **{"from": "unknown", "to": "absent"})
    assert cells(drawn(idle)) == cells(drawn())


def test_losses_far_apart_are_drawn_apart():
    shown = [(time, text) for time, lane, text in cells(drawn(seen_by=probes(lost=(3_000, 3_010, 3_500)))) if text.startswith("✗")]
    assert shown == [("1500.0", "✗ 2 lost in 10.0 ms"), ("2000.0", "✗ 1 lost")]


def test_a_pause_in_the_copy_is_drawn_and_is_not_the_silence_of_the_switch_over():
    seen_by = probes(lost=(*LOST, *range(3_000, 3_600, INTERVAL)))
    assert (found(seen_by=seen_by).silence, seen_by.silence()[0]) == (249 * MS, 610 * MS)
    assert ("1491.0", 3, "no answer for 610.0 ms") in cells(drawn(seen_by=seen_by))


def test_a_guest_that_never_answers_again_has_no_answer_drawn():
    dead = probes(lost=range(SUSPENDED, ENDED, INTERVAL))
    assert [text for _, lane, text in cells(drawn(seen_by=dead)) if lane == 3] == ["✗ 1000 lost in 9990.0 ms"]


def test_no_line_is_wider_than_asked_and_none_than_120():
    for width in (40, 72, LANES_NEED - 1, LANES_NEED, 113, 120, 200):
        lines = drawn(Deed(VIRSH * MS, "virsh migrate --live svc qemu+tcp://h2/system"), style=Style(width=width))
        assert max(map(len, lines)) <= min(width, 120)


def test_a_narrow_picture_is_a_list_of_the_same_things():
    listed = [re.split(r" {2,}", line.strip(), maxsplit=2) for line in drawn(style=Style(width=80))]
    names = ["h1", "tor", "h2", "client"]
    assert [(time, names.index(lane), text) for time, lane, text in listed] == cells(drawn())


def test_without_colour_there_is_no_escape_and_with_it_a_loss_is_red():
    assert not any("\033" in line for line in drawn())
    [red] = [line for line in drawn(style=Style(colour=True)) if "lost" in line]
    assert "\033[1;31m✗ 2 lost" in red


def test_colour_changes_nothing_but_colour():
    assert [re.sub(r"\033\[[0-9;]*m", "", line).rstrip() for line in drawn(style=Style(colour=True))] == drawn()


def test_a_terminal_without_unicode_gets_ascii_of_the_same_width():
    plain = drawn(style=Style(unicode=False))
    assert all(line.isascii() for line in plain)
    assert list(map(len, plain)) == list(map(len, drawn()))


def test_noise_is_worth_a_word_from_five_milliseconds_on():
    assert noise([found()]) is None
    stalled = probes()
    gap = Probes(stalled.sent[:100] + stalled.sent[103:], stalled.received[:100] + stalled.received[103:], ())
    assert "kept from sending for up to 30.0 ms" in noise([found(seen_by=gap)])
