"""Figures of what a client saw, written by hand."""

import pytest
from roamlab.timeline import Probes

from migration import figures
from migration.figures import Figures, Pace

MS = 1_000_000


def probes(*answers, unreachable=(), exceeded=()):
    """A probe each 2 ms; each answer is the time of its arrival in ms, or None."""
    return Probes(
        tuple(2 * MS * place for place in range(len(answers))),
        tuple(None if at is None else int(at * MS) for at in answers), unreachable, exceeded)


def of(*answers, downtime=0, moved=None, **errors):
    return figures.figures(probes(*answers, **errors), downtime, moved)


def test_what_the_prober_wrote_is_read_back():
    found = figures.parse("probe 1000 1500\nprobe 3000 0\nerror 4000 172.16.1.1 3 0\nerror 5000 172.16.1.1 11 0\n")
    assert found == Probes((1000, 3000), (1500, None), ((4000, "172.16.1.1", 0),), ((5000, "172.16.1.1", 0),))


def test_nothing_written_is_no_probe():
    assert figures.parse("") == Probes((), (), ())


def test_every_probe_answered_at_once_costs_nothing_but_the_pace():
    assert of(1, 3, 5, 7) == Figures(0, 0, 2, 0, 2, 0, 0, None)


def test_the_longest_loss_reaches_from_the_first_lost_probe_to_the_next_that_is_answered():
    # Lost: those sent at 2, 8, 10 and 12; answered again: that sent at 14.
    found = of(1, None, 5, 7, None, None, None, 15)
    assert (found.lost, found.longest_loss) == (4, 6)


def test_a_late_answer_is_silence_and_no_loss():
    found = of(1, 3, 41, 41, 41, downtime=30)
    assert (found.lost, found.longest_loss, found.silence, found.beyond) == (0, 0, 38, 8)


def test_silence_is_counted_by_arrival_also_where_answers_overtake():
    assert of(1, 30, 5, 31).silence == 25


def test_silence_shorter_than_the_downtime_is_less_than_nothing_beyond_it():
    assert of(1, 21, downtime=25).beyond == -5


def test_icmp_errors_are_counted_by_what_they_say():
    found = of(1, None, unreachable=((1, "172.16.1.1", 0), (2, "172.16.1.1", 1)), exceeded=((3, "172.16.1.1", 0),))
    assert (found.unreachable, found.exceeded) == (2, 1)


def test_a_client_that_saw_nothing_has_lost_everything():
    found = of(None, None, None)
    assert (found.lost, found.longest_loss, found.silence) == (3, 4, 0)


def test_the_pace_tells_of_missed_turns_and_the_longest_stall():
    # At 500 a second from 0 to 20 ms there are 10 turns after the first; those at 8, 10 and 12 are missing.
    sent = tuple(at * MS for at in (0, 2, 4, 6, 14, 16, 18, 20))
    assert figures.pace(Probes(sent, sent, ()), 500, begun=20 * MS) == Pace(0.7, 8, 1)


def test_a_prober_a_little_ahead_has_kept_every_turn():
    sent = (0, 1_990_000)
    assert figures.pace(Probes(sent, sent, ()), 500, begun=2 * MS) == Pace(1, 1.99, 1)


def test_what_the_guest_leaves_unanswered_before_the_migration_is_told():
    assert figures.pace(probes(1, None, 5, 7, None, None), 500, begun=8 * MS).answered == 0.75


@pytest.mark.parametrize("begun", [0, 2 * MS])
def test_there_is_no_pace_without_two_probes_before_the_migration(begun):
    assert figures.pace(probes(1, 3, 5), 500, begun) == Pace(0, 0, 0)


def test_modes_take_turns_and_rates_change_places_from_round_to_round():
    assert list(figures.turns(["a", "b"], [500, 5000], 2)) == [
        (0, 500, "a"), (0, 500, "b"), (0, 5000, "a"), (0, 5000, "b"),
        (1, 5000, "a"), (1, 5000, "b"), (1, 500, "a"), (1, 500, "b"),
    ]
