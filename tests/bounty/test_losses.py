"""Bounties on models that predict numbers or probabilities."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import skops.io
from django.core.files.base import ContentFile
from django.urls import reverse
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.pipeline import make_pipeline

from bounty import closing, drafts, intake, parts, repaired, sample
from bounty.entry import Group, Predictor
from common.intake import IntakeError
from common.jobs import Status
from tests.bounty.fixes import open_repairable, send_find, send_fix

YOUNG = "age < 30"


def table_of_numbers(rows: int = 3000, seed: int = 5) -> pl.DataFrame:
    """Pay rises with age; the model does not know it of the young."""
    random = np.random.default_rng(seed)
    age, noise = random.uniform(18, 70, rows), random.normal(0, 1, rows)
    pay = 10 + 0.5 * age + noise
    answer = np.where(age < 30, 40.0, 10 + 0.5 * age + random.normal(0, 0.5, rows))
    return pl.DataFrame(
        {"age": age, "sex": random.choice(["f", "m"], rows), "approve": pay, "predicted": answer}
    )


def table_of_probabilities(rows: int = 3000, seed: int = 6) -> pl.DataFrame:
    random = np.random.default_rng(seed)
    age = random.uniform(18, 70, rows)
    p = np.where(age < 30, 0.9, 0.3)
    return pl.DataFrame(
        {
            "age": age,
            "sex": random.choice(["f", "m"], rows),
            "approve": np.where(random.random(rows) < p, "yes", "no"),
            "predicted": np.clip(np.where(age < 30, 0.35, 0.3) + random.normal(0, 0.02, rows), 0, 1),
        }
    )


@pytest.fixture
def pay(cast, run_worker):
    return open_repairable(
        cast.owner, run_worker, "pay", table_of_numbers(), measure="squared_error", group_columns=["sex"]
    )


@pytest.fixture
def chances(cast, run_worker):
    return open_repairable(
        cast.owner,
        run_worker,
        "chances",
        table_of_probabilities(),
        measure="log_loss",
        favourable_label="yes",
        group_columns=["sex"],
    )


def test_the_error_is_a_share_of_what_the_best_constant_costs(pay):
    half = parts.answered(pay, "sample")
    facts = sample.overview(pay)
    mean = np.full(len(half.y_true), half.y_true.mean())
    expected = mean_squared_error(half.y_true, half.y_base) / mean_squared_error(half.y_true, mean)
    assert facts["measure"]["rate"] == pytest.approx(expected, rel=1e-12)
    assert facts["constant_error"]["rate"] == pytest.approx(1, rel=1e-12)


def test_a_find_and_a_regressor_are_proven_on_numbers(cast, pay, run_worker):
    part = parts.sample_part(pay)
    young = part.features["age"].to_numpy() < 30
    model = LinearRegression().fit(
        pd.DataFrame({"age": part.features["age"].to_numpy()[young]}),
        part.truth["label"].cast(pl.Float64).to_numpy()[young],
    )
    file = ContentFile(skops.io.dumps(model), name="pay.skops")
    find = send_find(cast.rival, pay, YOUNG)
    fix = send_fix(cast.participant, pay, YOUNG, predictor=Predictor("skops", file=file))
    run_worker()
    find.refresh_from_db()
    fix.refresh_from_db()
    assert (find.code, fix.code) == ("accepted", "accepted")
    half = parts.answered(pay, "leaderboard")
    group = parts.unpack(fix.masks.leaderboard, len(half.y_true))
    answers = half.y_base.copy()
    answers[group] = parts.unpack_answers(pay, fix.answers.leaderboard)
    mean = np.full(len(half.y_true), parts.answered(pay, "sample").y_true.mean())
    unit = mean_squared_error(
        parts.answered(pay, "sample").y_true, mean[: len(parts.answered(pay, "sample").y_true)]
    )
    assert repaired.live_of(pay).life["overall"][-1] == pytest.approx(
        mean_squared_error(half.y_true, answers) / unit, rel=1e-5
    )
    # A constant in the place of the regressor is worse than what stands.
    worse = send_fix(cast.rival, pay, YOUNG, "40")
    run_worker()
    worse.refresh_from_db()
    assert worse.code == "not_proven"


def test_probabilities_are_judged_by_log_loss(cast, chances, run_worker):
    part = parts.sample_part(chances)
    model = make_pipeline(make_column_transformer(("passthrough", ["age"])), LogisticRegression()).fit(
        pd.DataFrame({"age": part.features["age"].to_numpy()}), part.truth["label"].to_numpy()
    )
    file = ContentFile(skops.io.dumps(model), name="chances.skops")
    fix = send_fix(cast.participant, chances, YOUNG, predictor=Predictor("skops", file=file))
    run_worker()
    fix.refresh_from_db()
    assert (fix.status, fix.code) == (Status.SCORED, "accepted")
    half = parts.answered(chances, "leaderboard")
    group = parts.unpack(fix.masks.leaderboard, len(half.y_true))
    answers = half.y_base.copy()
    answers[group] = parts.unpack_answers(chances, fix.answers.leaderboard)
    unit = chances.loss_facts["unit"]
    assert repaired.live_of(chances).life["overall"][-1] == pytest.approx(
        log_loss(half.y_true, answers) / unit, rel=1e-5
    )


@pytest.mark.parametrize(("value", "code"), [("1.2", "not_a_probability"), ("x", "not_a_probability")])
def test_a_constant_must_be_a_probability(cast, chances, value, code):
    with pytest.raises(IntakeError) as refused:
        send_fix(cast.participant, chances, YOUNG, value)
    assert refused.value.code == code


@pytest.mark.parametrize("value", ["1e60", "-1e308", "nan", "1e999", "1_0", "\u0661", "0." + 300 * "1", ""])
def test_a_constant_is_a_number_that_can_be_squared(cast, pay, value):
    for send in (
        send_fix,
        lambda *sent: intake.check_rules(pay, Group("rule", YOUNG), Predictor("constant", value=value)),
    ):
        with pytest.raises(IntakeError) as refused:
            send(cast.participant, pay, YOUNG, value)
        assert refused.value.code == "not_a_number"


def test_an_answer_beyond_all_others_does_not_stop_the_close(cast, pay, run_worker):
    """Refused in the sandbox; and if one were stored, its loss stays a number that can be published."""
    model = LinearRegression().fit(pd.DataFrame({"age": [20.0, 21.0]}), [1e60, 2e60])
    file = ContentFile(skops.io.dumps(model), name="pay.skops")
    fix = send_fix(cast.participant, pay, YOUNG, predictor=Predictor("skops", file=file))
    good = send_fix(cast.rival, pay, YOUNG, "22")
    run_worker()
    fix.refresh_from_db()
    good.refresh_from_db()
    assert (fix.status, fix.error, good.code) == (Status.REJECTED, "not_a_number", "accepted")
    answers = parts.unpack_answers(pay, good.answers.final)
    answers[0] = 1e308
    good.answers.final = parts.pack_answers(pay, answers)
    good.answers.save()
    drafts.close_bounty(pay)
    with np.errstate(over="ignore"):
        assert closing.finalise(pay.pk)


def test_a_rule_predicts_no_number(cast, pay):
    with pytest.raises(IntakeError) as refused:
        send_fix(cast.participant, pay, YOUNG, predictor=Predictor("rule", rule="age < 20"))
    assert refused.value.code == "unknown_format"


def test_a_dry_run_compares_losses(pay, chances):
    tried = intake.check_rules(pay, Group("rule", YOUNG), Predictor("constant", value="22"))
    assert tried["group_after"] < tried["group_before"]
    assert tried["low"] < tried["gain"] < tried["high"]
    assert tried["constant_error"] <= tried["group_after"]
    tried = intake.check_rules(chances, Group("rule", YOUNG), Predictor("constant", value="0.9"))
    assert tried["group_after"] < tried["group_before"]


@pytest.mark.parametrize("name", ["overview", "data", "submit", "leaderboard", "mine"])
def test_its_pages_can_be_read(cast, client, pay, chances, name):
    client.force_login(cast.participant)
    for bounty in (pay, chances):
        assert client.get(reverse(f"bounty:{name}", args=[bounty.slug])).status_code == 200
