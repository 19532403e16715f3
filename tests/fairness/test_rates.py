import numpy as np
import polars as pl
import pytest

from fairness.rates import MEASURES, count_errors, rate_by

TRUE = ["yes", "yes", "yes", "no", "no", "maybe"]
PREDICTED = ["yes", "no", "maybe", "no", "yes", "maybe"]


@pytest.mark.parametrize(
    ("measure", "errors", "exposure"),
    [
        ("error", [0, 1, 1, 0, 1, 0], [1, 1, 1, 1, 1, 1]),
        ("false_rejection", [0, 1, 1, 0, 0, 0], [1, 1, 1, 0, 0, 0]),
        ("false_acceptance", [0, 0, 0, 0, 1, 0], [0, 0, 0, 1, 1, 1]),
    ],
)
@pytest.mark.parametrize("kind", [list, lambda x: np.array(x, dtype=object), np.array, pl.Series])
def test_it_counts_each_measure_on_a_table_worked_by_hand(measure, errors, exposure, kind):
    counts = count_errors(measure, kind(TRUE), kind(PREDICTED), favourable="yes")
    assert counts.errors.tolist() == errors
    assert counts.exposure.tolist() == exposure
    assert counts.errors.dtype == counts.exposure.dtype == np.float64


SAID = ["The cat sat.", "Yes", "it's", "...", None, "a b c"]
WRITTEN = ["the cat sat down", None, "its", "um", "uh um", "a c"]


@pytest.mark.parametrize(
    ("normaliser", "errors", "exposure"),
    [("none", [3, 1, 1, 1, 0, 1], [3, 1, 1, 1, 0, 3]), ("basic", [1, 1, 1, 0, 0, 1], [3, 1, 1, 0, 0, 3])],
)
@pytest.mark.parametrize("kind", [list, lambda x: np.array(x, dtype=object), pl.Series])
def test_it_counts_word_errors_on_texts_worked_by_hand(normaliser, errors, exposure, kind):
    """What is written where no word was said is no error: such a row takes no part."""
    counts = count_errors("wer", kind(SAID), kind(WRITTEN), normaliser=normaliser)
    assert counts.errors.tolist() == errors
    assert counts.exposure.tolist() == exposure
    assert counts.errors.dtype == counts.exposure.dtype == np.float64


@pytest.mark.parametrize(
    ("measure", "true", "predicted", "errors"),
    [
        ("squared_error", ["1", "-2.5", "0"], ["3", "-2.5", "0.5"], [4, 0, 0.25]),
        ("absolute_error", [1.0, -2.5, 0.0], [3.0, -2.5, 0.5], [2, 0, 0.5]),
        ("log_loss", ["yes", "no", "no"], ["0.5", "0.5", "0"], [np.log(2), np.log(2), -np.log(1 - 1e-6)]),
    ],
)
def test_it_counts_losses_of_numbers_worked_by_hand(measure, true, predicted, errors):
    counts = count_errors(measure, true, predicted, favourable="yes")
    np.testing.assert_allclose(counts.errors, errors, rtol=1e-12)
    assert counts.exposure.tolist() == [1, 1, 1]


def test_the_hand_worked_tables_cover_every_measure():
    labels, numbers = {"error", "false_rejection", "false_acceptance"}, {"squared_error", "absolute_error"}
    assert set(MEASURES) == labels | numbers | {"log_loss", "wer"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("accuracy", ["a"], ["a"]), "Unknown measure 'accuracy'"),
        (("false_rejection", ["a"], ["a"]), "needs the favourable label"),
        (("log_loss", ["a"], ["0.5"]), "needs the favourable label"),
        (("squared_error", ["a"], ["1"]), "could not convert"),
        (("wer", ["a"], ["a"], None, "french"), "french"),
        (("error", ["a", "b"], ["a"]), "2 labels and 1 predictions"),
        (("error", [["a"]], [["a"]]), "one column each"),
    ],
)
def test_it_says_what_is_wrong_with_the_labels(arguments, says):
    with pytest.raises(ValueError, match=says):
        count_errors(*arguments)


def test_rates_are_pooled_by_group_and_not_averaged_over_rows():
    by = rate_by([2, 1, 0, 4], [10, 2, 5, 4], [0, 0, 1, -1], n_groups=3)
    assert by.errors.tolist() == [3, 0, 0]
    assert by.exposure.tolist() == [12, 5, 0]
    assert by.rows.tolist() == [2, 1, 0]
    assert by.rate.tolist()[:2] == [0.25, 0]
    assert np.isnan(by.rate[2])


def test_a_weight_multiplies_errors_and_exposure():
    by = rate_by([1, 0, 1], [1, 1, 1], [0, 0, 0], n_groups=1, weights=[3, 1, 0])
    assert (by.errors[0], by.exposure[0], by.rate[0]) == (3, 4, 0.75)
    assert by.rows[0] == 2


def test_weights_equal_repeated_rows():
    rng = np.random.default_rng(0)
    errors, codes, times = rng.integers(0, 2, 200), rng.integers(0, 5, 200), rng.integers(0, 4, 200)
    weighted = rate_by(errors, np.ones(200), codes, 5, weights=times)
    repeated = rate_by(np.repeat(errors, times), np.ones(times.sum()), np.repeat(codes, times), 5)
    np.testing.assert_array_equal(weighted.rate, repeated.rate)


def test_a_code_without_a_group_is_refused():
    with pytest.raises(ValueError, match="Code 3 names no group"):
        rate_by([1], [1], [3], n_groups=3)
