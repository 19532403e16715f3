"""The promise of a bounty, on simulated ones; bench/promise.py prints the same numbers as a table."""

import numpy as np
import pytest

from bench.promise import (
    ALPHA,
    NULLS,
    PLANTED,
    draw_errors,
    draw_groups,
    lay_out,
    measure_power,
    p_values,
    simulate,
    simulate_adaptive,
)
from fairness.verdict import Evidence, judge_find

BOUNTIES = 2000


@pytest.mark.parametrize("setting", NULLS, ids=lambda setting: setting.name)
def test_without_a_worse_group_anything_is_accepted_in_alpha_of_bounties_at_most(setting):
    outcome = simulate(setting, BOUNTIES, seed=1)
    assert outcome.p_value > 0.01, f"{outcome.share:.1%} of bounties accepted something"
    assert outcome.share <= ALPHA


def test_nor_by_a_submitter_who_builds_on_the_answers():
    outcome = simulate_adaptive(BOUNTIES, seed=2)
    assert outcome.p_value > 0.01, f"{outcome.share:.1%} of bounties accepted something"
    assert outcome.share <= ALPHA


@pytest.mark.parametrize("setting", NULLS, ids=lambda setting: setting.name)
def test_the_simulation_tests_what_judge_find_tests(setting):
    rng = np.random.default_rng(3)
    layout = lay_out(setting, rng)
    groups = draw_groups(setting, layout, rng)
    errors = draw_errors(setting, layout, rng)
    assert abs(errors.mean() - setting.rate) < 0.1
    evidence = Evidence(errors, np.ones(len(errors)), layout.clusters, layout.weights)
    simulated = p_values(layout, errors, groups)
    assert len(simulated) == setting.cap
    tested = 0
    for group, p_value in zip(groups, simulated, strict=True):
        for part in judge_find(evidence, group[layout.cells], [], ALPHA / setting.cap).parts:
            assert part.p_value == pytest.approx(p_value, rel=1e-6)
            tested += 1
    assert tested >= setting.cap / 2


@pytest.mark.parametrize(("setting", "size", "gap"), PLANTED)
def test_a_planted_group_is_found_and_not_overpaid(setting, size, gap):
    power = measure_power(setting, size, gap, draws=60, seed=4)
    assert power.share >= 0.3
    assert 0 < power.points < power.true_points
