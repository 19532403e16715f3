from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import confint_proportions_2indep

from fairness.verdict import CODES, Evidence, judge_find

LEVEL = 0.05 / 100


def block(n, *spans):
    """A mask of n rows that holds the given spans of rows."""
    mask = np.zeros(n, dtype=bool)
    for first, last in spans:
        mask[first:last] = True
    return mask


def spread(errors_by_span, n):
    """Errors of n rows: in each span of rows the first so many are errors."""
    errors = np.zeros(n)
    for (first, _), count in errors_by_span.items():
        errors[first : first + count] = 1
    return errors


def exact_p(x, n, y, m):
    hits = sum(comb(n, k) * comb(m, x + y - k) for k in range(x, min(n, x + y) + 1))
    return float(Fraction(hits, comb(n + m, x + y)))


def newcombe_lower(x, n, y, m, level):
    return confint_proportions_2indep(x, n, y, m, method="newcomb", compare="diff", alpha=2 * level)[0]


# Rows 0..99 hold 30 errors, rows 100..999 hold 90: rates .3 and .1.
THOUSAND = Evidence(spread({(0, 100): 30, (100, 1000): 90}, 1000), np.ones(1000))


def test_a_worse_group_earns_its_weight_times_the_proven_gap():
    verdict = judge_find(THOUSAND, block(1000, (0, 100)), [], LEVEL)
    (part,) = verdict.parts
    assert (part.name, part.test) == ("new", "fisher")
    assert (part.rows, part.exposure, part.errors) == (100, 100, 30)
    assert (part.rest_rows, part.rest_exposure, part.rest_errors) == (900, 900, 90)
    assert part.p_value == pytest.approx(exact_p(30, 100, 90, 900), rel=1e-9)
    assert part.lower == pytest.approx(newcombe_lower(30, 100, 90, 900, LEVEL / 2), abs=1e-9)
    assert part.points == pytest.approx(100 * 0.1 * part.lower)
    assert (verdict.accepted, verdict.code, verdict.points) == (True, "accepted", part.points)
    assert (verdict.rate, verdict.rest_rate, verdict.group_weight) == (0.3, 0.1, 0.1)
    assert verdict.gap == pytest.approx(0.2)
    assert (verdict.rows, verdict.exposure, verdict.errors) == (100, 100, 30)
    assert (verdict.duplicate_of, verdict.jaccard) == (None, 0)
    assert (part.clusters, part.rest_clusters) == (None, None)


def test_each_part_is_judged_at_half_the_level():
    p = judge_find(THOUSAND, block(1000, (0, 100)), [], LEVEL).parts[0].p_value
    assert judge_find(THOUSAND, block(1000, (0, 100)), [], 2 * p).accepted
    assert not judge_find(THOUSAND, block(1000, (0, 100)), [], 1.99 * p).accepted


@pytest.mark.parametrize(
    ("group", "earlier", "code"),
    [
        (block(1000, (100, 200)), [], "accepted"),
        (block(1000, (200, 400)), [], "not_proven"),
        (block(1000, (0, 29)), [], "too_little_exposure"),
        (block(1000, (0, 971)), [], "too_little_exposure"),
        (block(1000), [], "too_little_exposure"),
        (block(1000, (0, 1000)), [], "too_little_exposure"),
        (block(1000, (0, 30)), [], "accepted"),
        (block(1000, (0, 30)), [block(1000, (0, 100))], "accepted"),
        (block(1000, (30, 100)), [block(1000, (0, 100))], "nothing_new"),
        (block(1000, (30, 129)), [block(1000, (0, 100))], "nothing_new"),
        (block(1000, (70, 100), (200, 230)), [block(1000, (0, 100))], "not_proven"),
        (block(1000, (0, 29)), [block(1000, (0, 29))], "too_little_exposure"),
    ],
)
def test_the_code_says_which_of_the_four_it_was(group, earlier, code):
    verdict = judge_find(THOUSAND, group, earlier, LEVEL)
    assert verdict.code == code
    assert verdict.accepted == (code == "accepted")
    assert verdict.points == sum(part.points for part in verdict.parts)
    assert code in CODES


def test_minimum_rows_are_rows_with_exposure():
    exposure = np.ones(1000)
    exposure[:50] = 0
    evidence = Evidence(np.zeros(1000), exposure)
    assert not judge_find(evidence, block(1000, (0, 79)), [], LEVEL).parts
    assert judge_find(evidence, block(1000, (0, 80)), [], LEVEL).parts[0].rows == 30
    weights = np.ones(1000)
    weights[50:60] = 0
    evidence = Evidence(np.zeros(1000), exposure, weights=weights)
    assert not judge_find(evidence, block(1000, (0, 89)), [], LEVEL).parts
    assert judge_find(evidence, block(1000, (0, 90)), [], LEVEL).parts[0].rows == 30


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), share=st.sampled_from([0.1, 0.5, 0.9]))
def test_whose_rows_have_exposure_cannot_be_read_off_a_code(seed, share):
    """Exposure is the hidden label where the measure is one-sided: nested groups must not find it out."""
    rng = np.random.default_rng(seed)
    exposure = (rng.random(1000) < share).astype(float)
    groups = [block(1000, (0, size)) for size in range(10, 1000, 37)]

    def codes(labels: np.ndarray) -> list[str]:
        evidence = Evidence(np.zeros(1000), labels)
        return [judge_find(evidence, group, [block(1000, (0, 200))], LEVEL).code for group in groups]

    assert codes(exposure) == codes(rng.permutation(exposure))


def test_a_code_reckons_with_the_average_exposure():
    evidence = Evidence(np.zeros(1000), (np.arange(1000) >= 500).astype(float))
    assert judge_find(evidence, block(1000, (500, 559)), [], LEVEL).code == "not_proven"
    assert judge_find(evidence, block(1000, (500, 558)), [], LEVEL).code == "too_little_exposure"
    assert judge_find(evidence, block(1000, (0, 60)), [], LEVEL).code == "not_proven"


def test_both_sides_need_the_minimum_of_clusters():
    evidence = Evidence(np.zeros(1000), np.ones(1000), clusters=np.arange(1000) // 10)
    assert judge_find(evidence, block(1000, (0, 190)), [], LEVEL).code == "too_little_exposure"
    assert judge_find(evidence, block(1000, (0, 191)), [], LEVEL).code == "not_proven"
    assert judge_find(evidence, block(1000, (0, 810)), [], LEVEL).code == "too_little_exposure"
    assert judge_find(evidence, block(1000, (0, 810)), [], LEVEL, min_clusters=19).code == "not_proven"


def test_one_row_or_one_cluster_is_never_judged():
    errors, exposure = np.r_[1.0, np.zeros(99)], np.ones(100)
    alone = block(100, (0, 1))
    for clusters in (None, np.arange(100) // 2, np.arange(100)):
        verdict = judge_find(Evidence(errors, exposure, clusters), alone, [], 0.5, min_rows=0, min_clusters=0)
        assert verdict.code == "too_little_exposure"
    verdict = judge_find(Evidence(errors, exposure), block(100, (0, 2)), [], 0.5, min_rows=0)
    assert verdict.parts[0].rows == 2


def overlapping(rows: int, seed: int) -> tuple[Evidence, list[np.ndarray]]:
    """Two real groups that overlap, the smaller one much worse, and errors that follow from both."""
    rng = np.random.default_rng(seed)
    large, small = rng.random(rows) < 0.5, rng.random(rows) < 0.25
    errors = (rng.random(rows) < 0.2 + 0.15 * large + 0.3 * small).astype(float)
    return Evidence(errors, np.ones(rows)), [large, small]


@pytest.mark.parametrize("clusters", [None, np.arange(13_000) // 5])
def test_a_group_is_paid_once_however_often_it_is_named_again(clusters):
    evidence, (large, small) = overlapping(13_000, seed=1)
    evidence = Evidence(evidence.errors, evidence.exposure, clusters)
    accepted = []
    for group in (large, small):
        assert judge_find(evidence, group, accepted, 5e-5).accepted
        accepted.append(group)
    rng = np.random.default_rng(2)
    for changed in (0, 20, 100):
        near = small.copy()
        near[rng.choice(13_000, changed, replace=False)] ^= True
        for group in (near, near | large, near & large, large & ~near):
            assert judge_find(evidence, group, accepted, 5e-5).points == 0


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), finds=st.integers(1, 70))
def test_no_union_or_intersection_of_accepted_finds_is_paid(seed, finds):
    rng = np.random.default_rng(seed)
    evidence = Evidence((rng.random(3000) < 0.3).astype(float), np.ones(3000))
    earlier = [rng.random(3000) < rng.uniform(0.1, 0.6) for _ in range(finds)]
    one, other = earlier[rng.integers(finds)], earlier[rng.integers(finds)]
    for group in (one, one & other, one | other, one ^ other):
        assert not judge_find(evidence, group, earlier, 0.5).parts


def test_pieces_are_compared_with_rows_of_the_same_finds_only():
    first, second = block(2000, (0, 800)), block(2000, (400, 1200))
    worse = block(2000, (0, 100), (400, 500), (800, 900), (1200, 1300))
    errors = np.where(worse, 1.0, 0.0)
    verdict = judge_find(Evidence(errors, np.ones(2000)), worse, [first, second], 0.01)
    assert [(part.name, part.rows, part.rest_rows) for part in verdict.parts] == [
        ("new", 100, 1900),
        ("known", 100, 300),
        ("known", 100, 300),
        ("known", 100, 300),
    ]


def test_padding_a_known_group_pays_nothing():
    rng = np.random.default_rng(0)
    known = block(1000, (0, 100))
    evidence = Evidence(spread({(0, 100): 60, (100, 1000): 90}, 1000), np.ones(1000))
    for size in (0, 29, 30, 60, 100):
        padding = np.zeros(1000, dtype=bool)
        padding[rng.choice(np.arange(190, 1000), size, replace=False)] = True
        assert judge_find(evidence, known | padding, [], LEVEL).accepted
        verdict = judge_find(evidence, known | padding, [known], LEVEL)
        assert (verdict.accepted, verdict.points) == (False, 0)


def test_a_worse_group_inside_a_known_one_still_pays():
    # 300 known rows at 40 %, the first 100 of them at 80 %; the other 1,700 at 10 %.
    spans = {(0, 100): 80, (100, 300): 40, (300, 2000): 170}
    evidence = Evidence(spread(spans, 2000), np.ones(2000))
    known, worst = block(2000, (0, 300)), block(2000, (0, 100))
    verdict = judge_find(evidence, worst, [known], LEVEL)
    assert verdict.code == "accepted"
    (part,) = verdict.parts
    assert (part.name, part.rest_rows, part.rest_errors) == ("known", 200, 40)
    assert part.points == pytest.approx(100 * 0.05 * newcombe_lower(80, 100, 40, 200, LEVEL / 2), abs=1e-6)


def test_both_parts_add_up_and_a_part_not_proven_adds_nothing():
    # The known rows 0..399 hold a worse half; rows 400..499 are as bad and new; the rest is at 5 %.
    spans = {(0, 200): 120, (200, 400): 20, (400, 500): 60, (500, 2000): 75}
    evidence = Evidence(spread(spans, 2000), np.ones(2000))
    known = block(2000, (0, 400))
    both = judge_find(evidence, block(2000, (0, 200), (400, 500)), [known], LEVEL)
    assert [part.name for part in both.parts] == ["new", "known"]
    assert both.points == pytest.approx(sum(part.points for part in both.parts))
    assert all(part.points > 0 for part in both.parts)
    new, old = both.parts
    assert (new.rest_rows, new.rest_errors) == (1900, 215)
    assert (old.rest_rows, old.rest_errors) == (200, 20)
    calm = judge_find(evidence, block(2000, (200, 300), (400, 500)), [known], LEVEL)
    assert [part.points > 0 for part in calm.parts] == [True, False]
    assert calm.points == calm.parts[0].points


def test_what_several_earlier_finds_cover_is_known():
    earlier = [block(1000, (0, 50)), block(1000, (50, 100))]
    assert judge_find(THOUSAND, block(1000, (20, 100)), earlier, LEVEL).code == "nothing_new"


def test_the_likeliest_duplicate_is_named_above_one_half():
    group = block(1000, (0, 100))
    earlier = [block(1000, (0, 60)), block(1000, (0, 90)), block(1000, (0, 90))]
    verdict = judge_find(THOUSAND, group, earlier, LEVEL)
    assert (verdict.duplicate_of, verdict.jaccard) == (1, 0.9)
    verdict = judge_find(THOUSAND, group, [block(1000, (0, 50))], LEVEL)
    assert (verdict.duplicate_of, verdict.jaccard) == (None, 0.5)


def test_clusters_ask_for_more_than_rows():
    # Ten of the group's forty speakers carry all of its errors.
    errors = spread({(first, first + 10): 8 for first in range(0, 100, 10)}, 2000)
    errors[400::16] = 1
    group, speakers = block(2000, (0, 400)), np.arange(2000) // 10
    alone = judge_find(Evidence(errors, np.ones(2000)), group, [], LEVEL)
    together = judge_find(Evidence(errors, np.ones(2000), speakers), group, [], LEVEL)
    assert (alone.parts[0].test, together.parts[0].test) == ("fisher", "cluster_score")
    assert (together.parts[0].clusters, together.parts[0].rest_clusters) == (40, 160)
    assert alone.accepted
    assert not together.accepted


def test_a_speaker_on_both_sides_counts_on_both():
    evidence = Evidence(np.zeros(1000), np.ones(1000), clusters=np.arange(1000) // 10)
    verdict = judge_find(evidence, np.arange(1000) % 2 == 0, [], LEVEL)
    assert (verdict.parts[0].clusters, verdict.parts[0].rest_clusters) == (100, 100)
    assert verdict.code == "not_proven"


def test_weights_and_counts_are_judged_by_the_score():
    rng = np.random.default_rng(0)
    group = block(2000, (0, 400))
    words = rng.integers(5, 20, 2000).astype(float)
    wrong = rng.poisson(words * np.where(group, 0.3, 0.1)).astype(float)
    counted = judge_find(Evidence(wrong, words), group, [], LEVEL)
    assert (counted.code, counted.parts[0].test) == ("accepted", "cluster_score")
    assert counted.exposure == words[:400].sum()
    assert counted.gap == pytest.approx(
        wrong[:400].sum() / words[:400].sum() - wrong[400:].sum() / words[400:].sum()
    )
    weights = rng.uniform(0.5, 2, 2000)
    weighted = judge_find(
        Evidence((wrong > 3).astype(float), np.ones(2000), weights=weights), group, [], LEVEL
    )
    assert weighted.parts[0].test == "cluster_score"
    assert weighted.group_weight == pytest.approx(weights[:400].sum() / weights.sum())


@st.composite
def bounties(draw):
    seed = draw(st.integers(0, 10**6))
    rng = np.random.default_rng(seed)
    n = 240
    kind = draw(st.sampled_from(["plain", "clusters", "weights", "exposure"]))
    group = rng.random(n) < 0.4
    masks = [rng.random(n) < 0.3 for _ in range(draw(st.integers(0, 2)))]
    exposure = (rng.random(n) < 0.8).astype(float) if kind == "exposure" else np.ones(n)
    errors = (rng.random(n) < np.where(group, 0.6, 0.1)) * exposure
    clusters = rng.integers(0, 60, n) if kind == "clusters" else None
    weights = rng.uniform(0.5, 2, n) if kind == "weights" else None
    return errors, exposure, clusters, weights, group, masks, rng


@settings(deadline=None)
@given(bounties())
def test_the_order_of_rows_changes_nothing(bounty):
    errors, exposure, clusters, weights, group, masks, rng = bounty
    order = rng.permutation(len(errors))
    before = judge_find(Evidence(errors, exposure, clusters, weights), group, masks, 0.01)
    shuffled = (None if values is None else values[order] for values in (errors, exposure, clusters, weights))
    after = judge_find(Evidence(*shuffled), group[order], [mask[order] for mask in masks], 0.01)
    assert (after.code, after.duplicate_of, after.jaccard) == (
        before.code,
        before.duplicate_of,
        before.jaccard,
    )
    assert after.points == pytest.approx(before.points, rel=1e-9)


@settings(deadline=None)
@given(bounties())
def test_the_names_of_clusters_change_nothing(bounty):
    errors, exposure, _, weights, group, masks, rng = bounty
    clusters = rng.integers(0, 60, len(errors))
    names = rng.permutation(60) * 10**12 - 5
    before = judge_find(Evidence(errors, exposure, clusters, weights), group, masks, 0.01)
    after = judge_find(Evidence(errors, exposure, names[clusters], weights), group, masks, 0.01)
    assert after.code == before.code
    assert after.points == pytest.approx(before.points, rel=1e-9)


@settings(deadline=None)
@given(bounties())
def test_codes_but_accepted_do_not_depend_on_errors(bounty):
    errors, exposure, clusters, weights, group, masks, rng = bounty
    codes = {
        judge_find(Evidence(drawn * exposure, exposure, clusters, weights), group, masks, 1e-9).code
        for drawn in (np.zeros(len(errors)), rng.permutation(errors), np.where(group, 0.0, 1.0), errors)
    }
    assert len(codes - {"accepted"}) <= 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (([1.0, 0.0], [1.0]), "exposure holds 1 values for 2 rows"),
        (([1.0, np.nan], [1.0, 1.0]), "errors holds a negative, missing or infinite value"),
        (([1.0, 0.0], [1.0, -1.0]), "exposure holds a negative"),
        (([1.0, 0.0], [1.0, 1.0], [0, 1, 2]), "clusters holds 3 values for 2 rows"),
        (([1.0, 0.0], [1.0, 1.0], [0.5, 1.5]), "clusters holds whole numbers"),
        (([1.0, 0.0], [1.0, 1.0], None, [1.0]), "weights holds 1 values for 2 rows"),
    ],
)
def test_evidence_that_cannot_be_judged_is_refused(arguments, says):
    with pytest.raises(ValueError, match=says):
        Evidence(*(None if values is None else np.array(values) for values in arguments))


@pytest.mark.parametrize(
    ("group", "level", "says"),
    [
        (np.ones(999, dtype=bool), LEVEL, "one boolean for each of the 1000 rows"),
        (np.ones(1000), LEVEL, "one boolean for each of the 1000 rows"),
        (np.ones(1000, dtype=bool), 0, "level lies between 0 and 1"),
        (np.ones(1000, dtype=bool), 1.5, "level lies between 0 and 1"),
    ],
)
def test_a_mask_or_level_that_cannot_be_judged_is_refused(group, level, says):
    with pytest.raises(ValueError, match=says):
        judge_find(THOUSAND, group, [], level)
