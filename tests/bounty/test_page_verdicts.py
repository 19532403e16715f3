"""A submission from the queue to its verdict, as its team reads it."""

import re

import pytest

from bounty import intake, words
from bounty.intake import Group
from bounty.models import Status, Submission
from bounty.sandbox import REJECTIONS
from tests.bounty.pages import HTMX, RULE, UNPROVEN, change, html, page, sample_share, send, text
from tests.onnx_models import below


@pytest.fixture
def participant(client, cast):
    client.force_login(cast.participant)
    return client


def seen(client, address: str) -> str:
    """The part that asks again, and the address it asks at."""
    shown = html(client.get(address, headers=HTMX))
    return re.search(r'hx-get="([^"]+)"', shown)[1].replace("&amp;", "&")


def test_the_place_in_the_queue_is_shown_and_only_changes_are_sent_again(participant, cast, open_bounty):
    send(cast, open_bounty, UNPROVEN, "rival")
    find = send(cast, open_bounty)
    for address in (page("submission", find.pk), page("mine", "lending")):
        assert "number 2 in the queue" in text(participant.get(address))
        again = seen(participant, address)
        assert participant.get(again, headers=HTMX).status_code == 204
        assert participant.get(again).status_code == 200
    Submission.objects.exclude(pk=find.pk).update(status=Status.RUNNING)
    assert "number 1 in the queue" in text(participant.get(page("submission", find.pk)))
    Submission.objects.filter(pk=find.pk).update(status=Status.RUNNING)
    for address in (page("submission", find.pk), page("mine", "lending")):
        assert "Running" in text(participant.get(address))
    assert words.QUEUE["running"] in text(participant.get(page("submission", find.pk)))


@pytest.mark.parametrize("address", ["submission", "mine"])
def test_a_part_that_is_finished_asks_no_more(participant, cast, open_bounty, run_worker, address):
    find = send(cast, open_bounty)
    address = page("submission", find.pk) if address == "submission" else page("mine", "lending")
    again = seen(participant, address)
    run_worker()
    done = participant.get(again, headers=HTMX)
    assert "Accepted" in text(done)
    assert "hx-trigger" not in html(done) and "<html" not in html(done)


def test_the_list_says_aloud_when_everything_is_judged(participant, cast, open_bounty, run_worker):
    send(cast, open_bounty)
    assert "1 submission on its way" in text(participant.get(page("mine", "lending")))
    run_worker()
    part = html(participant.get(page("mine", "lending"), headers=HTMX))
    assert re.search(r'id="waiting"[^>]*aria-live="polite"[^>]*hx-swap-oob[^>]*>\s*Every submission', part)


def test_an_accepted_find(participant, cast, open_bounty, run_worker):
    find = send(cast, open_bounty)
    run_worker()
    shown = text(participant.get(page("submission", find.pk)))
    assert words.FIND_VERDICTS["accepted"][0] in shown
    assert f"{100 * sample_share(open_bounty, RULE):.1f} % of the public sample" in shown.replace("\xa0", " ")
    assert "0.00025 , the bounty's error budget of 0.05 over its 200 verdicts" in shown
    for path in ("/", page("overview", "lending"), page("leaderboard", "lending")):
        assert "participant" in text(participant.get(path))


@pytest.mark.parametrize(("rule", "code"), [(UNPROVEN, "not_proven"), ("age = 30", "too_little_exposure")])
def test_a_find_that_is_not_accepted_is_told_what_to_do(
    participant, cast, open_bounty, run_worker, rule, code
):
    change(open_bounty, min_rows=300)
    find = send(cast, open_bounty, rule)
    run_worker()
    shown = text(participant.get(page("submission", find.pk)))
    assert all(sentence in shown for sentence in words.FIND_VERDICTS[code])
    assert "Not accepted" in shown
    listed = text(participant.get(page("mine", "lending")))
    find.refresh_from_db()
    assert f"Not accepted {find.get_code_display().lower()}" in listed


def test_a_find_of_what_is_known_already(participant, cast, open_bounty, run_worker):
    send(cast, open_bounty, RULE, "rival")
    find = send(cast, open_bounty)
    run_worker()
    assert words.FIND_VERDICTS["nothing_new"][1] in text(participant.get(page("submission", find.pk)))


def test_a_rejection_says_what_to_change_and_what_it_cost(participant, cast, open_bounty, run_worker):
    find = send(cast, open_bounty, "age > 0")
    run_worker()
    shown = text(participant.get(page("submission", find.pk)))
    assert REJECTIONS["group_is_everything"] in shown and "It used no verdict" in shown
    Submission.objects.update(error="failed_on_hidden_rows", on_hidden=True)
    shown = text(participant.get(page("submission", find.pk)))
    assert REJECTIONS["failed_on_hidden_rows"] in shown and "it used one verdict" in shown


def test_our_own_failure_is_called_so(participant, cast, open_bounty):
    find = send(cast, open_bounty)
    Submission.objects.update(status=Status.FAILED, log="Traceback")
    shown = text(participant.get(page("submission", find.pk)))
    assert "Our fault" in shown and words.FAILED in shown and "Traceback" not in shown
    assert "It used no verdict; it counts with the 30 rejections a day." in shown


def test_our_own_failures_cannot_be_brought_about_without_end(participant, cast, open_bounty):
    send(cast, open_bounty)
    Submission.objects.update(status=Status.FAILED)
    change(open_bounty, rejected_daily_cap=1)
    shown = text(participant.get(page("submit", "lending")))
    assert "1 submissions of your team were rejected, or failed on our side, today, which is the cap" in shown


def test_what_was_sent_stands_there_with_name_and_size(participant, cast, open_bounty):
    model = below(open_bounty, "age", 30)
    group = Group("onnx", file=model)
    find, _ = intake.submit(cast.participant, open_bounty, group, note="a\n<b>tree</b>")
    shown = html(participant.get(page("submission", find.pk)))
    assert f"below.onnx, {model.size}" in shown
    assert "a<br>&lt;b&gt;tree&lt;/b&gt;" in shown
