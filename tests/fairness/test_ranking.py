from datetime import datetime, timedelta

import numpy as np
import pytest

from fairness.ranking import Accepted, rank_teams, round_down

START = datetime(2026, 3, 1)


def ranked(*rows):
    """Submissions a minute apart: team, points, and whether accepted (by default where there are points)."""
    sent, finds = {}, []
    for minute, (team, points, *rest) in enumerate(rows):
        sent[team] = sent.get(team, 0) + 1
        if rest[0] if rest else points:
            finds.append(Accepted(team, points, START + timedelta(minutes=minute)))
    return rank_teams(sent, finds)


def table(*rows):
    return [(row.rank, row.team, row.points) for row in ranked(*rows)]


def test_teams_rank_by_points_rounded_down():
    assert table(("a", 1.19), ("b", 1.29), ("c", 0.05)) == [(1, "b", 1.2), (2, "a", 1.1), (3, "c", 0.0)]


def test_of_equal_shown_totals_the_first_to_reach_it_stands_first():
    # b reaches 0.5 at its second find, before a does; a's exact total is higher, which nobody sees.
    assert table(("a", 0.3), ("b", 0.3), ("b", 0.2), ("a", 0.29)) == [(1, "b", 0.5), (2, "a", 0.5)]


def test_points_too_small_to_show_do_not_move_a_team():
    # b reached 0.5 before a; its later 0.04 leaves it at 0.5, and so in front.
    assert table(("b", 0.5), ("a", 0.5), ("b", 0.04)) == [(1, "b", 0.5), (2, "a", 0.5)]


def test_small_points_add_up_exactly():
    assert table(*[("a", 0.06)] * 5) == [(1, "a", 0.3)]
    assert table(("a", 0.7), ("a", 0.1)) == [(1, "a", 0.8)]


def test_only_accepted_entries_earn_and_all_are_counted():
    (row,) = ranked(("a", 2.0, False), ("a", 0.4), ("a", 0.0))
    assert (row.points, row.accepted, row.submissions) == (0.4, 1, 3)
    assert row.last_accepted == START + timedelta(minutes=1)


def test_a_team_without_an_accepted_entry_stands_last_by_who_came_first():
    rows = ranked(("b", 0), ("a", 0), ("c", 0.5))
    assert [row.team for row in rows] == ["c", "b", "a"]
    assert rows[1].last_accepted is None


def test_no_submissions_make_an_empty_table():
    assert rank_teams({}, []) == ()


def test_it_agrees_with_sorting_the_whole_history():
    rng = np.random.default_rng(0)
    for _ in range(50):
        rows = [(f"t{rng.integers(6)}", float(rng.choice([0, 0.1, 0.25, 0.05, 1.0]))) for _ in range(40)]
        history: dict[str, list[float]] = {team: [0.0] * 41 for team, _ in rows}
        for moment, (team, points) in enumerate(rows, start=1):
            for later in range(moment, 41):
                history[team][later] += points
        shown = {team: [int(total * 10 + 1e-6) for total in totals] for team, totals in history.items()}

        def first_there(team, shown=shown, rows=rows):
            moment = shown[team].index(shown[team][-1])
            return moment or 1 + [name for name, _ in rows].index(team)

        expected = sorted(shown, key=lambda team: (-shown[team][-1], first_there(team)))
        assert [team for _, team, _ in table(*rows)] == expected


@pytest.mark.parametrize(
    ("points", "shown"), [(0, 0), (0.0999, 0), (0.1, 0.1), (2.99, 2.9), (0.3, 0.3), (1.1, 1.1), (-0.01, -0.1)]
)
def test_points_are_shown_rounded_down(points, shown):
    assert round_down(points) == shown
