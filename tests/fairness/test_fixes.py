"""The verdict on a fix: what is proven, what is not, and that a refusal tells nothing of labels."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import log_loss, mean_absolute_error, mean_squared_error
from statsmodels.stats.contingency_tables import mcnemar

from fairness.fixes import FixVerdict, judge_fix, mcnemar_p, stake_p
from fairness.gains import gain_interval
from fairness.losses import LOSSES, scale_of, scaled, worst_case
from fairness.pointer_list import PointerList

LABEL_FREE = {"not_proven", "nothing_new", "too_little_exposure"}


def judge(better: int, worse: int, rows: int = 200, n: int = 1000, **how) -> FixVerdict:
    """A fix on the first rows, better in so many and worse in so many others of them."""
    base = np.zeros(n, int)
    base[:better] = 1
    answers = np.zeros(rows, int)
    answers[better : better + worse] = 1
    differs = np.arange(rows) < better + worse
    group = np.arange(n) < rows
    return judge_fix(PointerList.start(base), group, answers, differs, how.pop("level", 0.001), **how)[0]


@pytest.mark.parametrize(("better", "worse"), [(1, 0), (5, 0), (0, 5), (20, 5), (60, 20), (300, 220), (7, 7)])
def test_mcnemars_test_is_that_of_scipy_and_statsmodels(better, worse):
    ours = mcnemar_p(better, worse)
    assert ours == pytest.approx(
        binomtest(better, better + worse, 0.5, alternative="greater").pvalue, rel=1e-10
    )
    if better > worse:
        two_sided = mcnemar([[0, worse], [better, 0]], exact=True).pvalue
        assert ours == pytest.approx(min(two_sided / 2, 1), rel=1e-10)


@pytest.mark.parametrize(
    ("better", "worse", "how", "code"),
    [
        (30, 0, {}, "accepted"),
        (30, 20, {}, "not_proven"),
        (0, 30, {}, "not_proven"),
        (0, 0, {}, "nothing_new"),
        (20, 0, {"rows": 20}, "too_little_exposure"),
        (30, 0, {"epsilon": 0.03}, "accepted"),
        (30, 0, {"epsilon": 0.0301}, "not_proven"),
        (30, 0, {"clusters": np.arange(1000) // 20}, "too_little_exposure"),
        (30, 0, {"clusters": np.arange(1000)}, "accepted"),
        (30, 0, {"clusters": np.arange(1000) // 5, "min_clusters": 40}, "not_proven"),
    ],
)
def test_codes_worked_by_hand(better, worse, how, code):
    verdict = judge(better, worse, **how)
    assert verdict.code == code
    assert verdict.accepted == (code == "accepted")
    assert (verdict.points > 0) == verdict.accepted


def test_numbers_of_an_accepted_fix():
    verdict = judge(40, 10)
    assert (verdict.better, verdict.worse, verdict.changed, verdict.rows) == (40, 10, 50, 200)
    assert (verdict.gain, verdict.points) == (0.03, 3.0)
    assert (verdict.before, verdict.after) == (0.04, 0.01)
    assert (verdict.group_before, verdict.group_after) == (0.2, 0.05)
    assert verdict.group_weight == 0.2


def test_the_code_of_a_refusal_does_not_depend_on_labels():
    """Whatever the labels are, a refused fix has the code that its group and answers have."""
    random = np.random.default_rng(0)
    n = 400
    said, base = random.integers(0, 2, n), random.integers(0, 2, n)
    for rows, answers in ((200, said), (200, base), (20, said)):
        group = np.arange(n) < rows
        codes = set()
        for _ in range(40):
            truth = random.integers(0, 2, n)
            model = PointerList.start((truth != base).astype(int))
            costs = (truth != answers)[group].astype(int)
            codes.add(judge_fix(model, group, costs, (answers != base)[group], 1e-9)[0].code)
        assert len(codes) == 1 and codes <= LABEL_FREE


def test_points_count_the_repairs():
    """The second fix harms rows of the first, which are given back: the drop is larger than its own gain."""
    base = np.zeros(1000, int)
    base[:50], base[100:300] = 1, 1
    first, second = np.arange(1000) < 50, (np.arange(1000) >= 30) & (np.arange(1000) < 300)
    _, model = judge_fix(PointerList.start(base), first, np.zeros(50, int), np.ones(50, bool), 0.001)
    answers = np.r_[np.ones(20, int), np.zeros(250, int)]
    verdict, after = judge_fix(model, second, answers, np.ones(270, bool), 0.001)
    assert verdict.repairs == ((1, 1),)
    assert verdict.gain == pytest.approx(0.18)
    assert verdict.points == pytest.approx(20)
    assert after.totals[-1] == 0


# Stakes


def test_stakes_are_the_product_written_out():
    gains = np.array([1.0, 1.0, -2.0, 0.5, 0.0])
    money = np.mean([np.prod(1 + share / 2 * gains) for share in np.geomspace(1 / 64, 0.99, 8)])
    assert stake_p(gains, ruin=2.0) == pytest.approx(min(1, 1 / money))


@pytest.mark.parametrize(
    ("chance", "loss"),
    [(0.5, 1.0), (0.05, 20.0), (0.02, 49.0)],
    ids=["even", "seldom", "rarely"],
)
def test_without_a_gain_stakes_seldom_prove_one(chance, loss):
    """Where a t test on the same gains is far too easy; see decision 12."""
    random = np.random.default_rng(1)
    passed = 0
    for _ in range(2000):
        loses = random.random(150) < chance
        gains = np.where(loses, -loss, random.random(150) < chance * loss / (1 - chance))
        passed += stake_p(gains.astype(float), ruin=loss) <= 0.01
    assert passed <= 30


def test_many_rows_do_not_overflow():
    assert stake_p(np.ones(10**6), ruin=1.0) == 0.0
    assert stake_p(-np.ones(10**6), ruin=1.0) == 1.0
    assert stake_p(np.zeros(5), ruin=1.0) == 1.0


def test_a_loss_beyond_what_was_said_to_be_possible_is_refused():
    with pytest.raises(ValueError, match="below"):
        stake_p(np.array([-2.0, 3.0]), ruin=1.0)


def test_the_order_of_rows_does_not_matter():
    gains = np.random.default_rng(2).normal(0.1, 1, 500).clip(-3, 3)
    assert stake_p(gains, 3.0) == stake_p(gains[::-1], 3.0)


# The promise of a whole bounty


@pytest.mark.parametrize("clustered", [False, True])
def test_predictors_without_a_gain_are_seldom_accepted(clustered):
    """60 bounties of 50 verdicts each on 2,000 rows; 3 would have an acceptance at alpha = 5 %."""
    random = np.random.default_rng(4)
    clusters = np.repeat(np.arange(200), 10) if clustered else None
    bounties = 0
    for _ in range(60):
        model = PointerList.start((random.random(2000) < 0.5).astype(int))
        base = model.losses == 0
        for _ in range(50):
            # Labels are coins: wherever the predictor says something else, it is right as often as wrong.
            group = random.random(2000) < random.uniform(0.05, 0.6)
            differs = random.random(int(group.sum())) < 0.3
            costs = np.where(differs, base[group], ~base[group]).astype(int)
            if judge_fix(model, group, costs, differs, 0.05 / 50, clusters=clusters)[0].accepted:
                bounties += 1
                break
    assert bounties <= 8


# Losses and intervals


def test_losses_are_those_of_scikit_learn():
    random = np.random.default_rng(5)
    true, said = random.normal(size=500), random.normal(size=500)
    assert LOSSES["squared"](true, said).mean() == pytest.approx(mean_squared_error(true, said))
    assert LOSSES["absolute"](true, said).mean() == pytest.approx(mean_absolute_error(true, said))
    label, p = random.integers(0, 2, 500), random.uniform(0.001, 0.999, 500)
    assert LOSSES["log"](label, p).mean() == pytest.approx(log_loss(label, p))
    assert LOSSES["log"](np.array([1]), np.array([0.0]))[0] == pytest.approx(-np.log(1e-6))


@pytest.mark.parametrize("loss", ["squared", "absolute", "log"])
def test_sums_in_units_are_exact_and_close(loss):
    random = np.random.default_rng(6)
    true, said = random.integers(0, 2, 4000).astype(float), random.uniform(0, 1, 4000)
    losses = LOSSES[loss](true, said)
    scale = scale_of(loss, losses)
    units = scaled(losses, scale)
    assert np.log2(scale) % 1 == 0
    assert units.sum() / scale == pytest.approx(losses.sum(), rel=1e-6)
    assert sum(units.tolist()) == units.sum()
    assert scaled(np.array([np.inf, 1e300]), scale).max() * 4 * 10**6 < 2**63


@pytest.mark.parametrize("loss", ["zero_one", "squared", "absolute", "log"])
def test_no_label_makes_a_change_cost_more_than_the_worst_case(loss):
    random = np.random.default_rng(7)
    now, then = random.uniform(0, 1, 300), random.uniform(0, 1, 300)
    labels = (
        random.integers(0, 2, (50, 300)).astype(float) if loss == "log" else random.uniform(0, 1, (50, 300))
    )
    worst = worst_case(loss, now, then, 0.0, 1.0)
    more = np.array([LOSSES[loss](row, then) - LOSSES[loss](row, now) for row in labels])
    assert (more <= worst + 1e-12).all()


@pytest.mark.parametrize("clustered", [False, True])
def test_the_interval_of_a_gain_covers(clustered):
    random = np.random.default_rng(8)
    clusters = np.repeat(np.arange(100), 8) if clustered else None
    hits = 0
    for _ in range(400):
        shift = np.repeat(random.normal(0, 0.02, 100), 8) if clustered else 0.0
        u = random.random(800)
        drops = np.where(u < 0.06 + shift, 1.0, np.where(u > 0.96 + shift, -1.0, 0.0))
        interval = gain_interval(drops, clusters)
        hits += float(interval.low) <= 0.02 <= float(interval.high)
    assert 0.92 <= hits / 400 <= 0.985
