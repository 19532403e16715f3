"""The pages of audits: from an upload to its report, whatever is switched, and what is asked wrongly."""

import re
from html import unescape

import polars as pl
import pytest
from django.urls import reverse

from audits import intake
from audits.models import Audit
from tests.audits.conftest import SPEECH_ROLES, loan_table, make, run_audits, scored, speech_table, upload
from tests.audits.pages import HTMX, TABS, change, fields_of, html, page, text

NEW = {"kind": "speech", "title": "Dictation"}


@pytest.fixture
def owner(client, cast):
    client.force_login(cast.owner)
    return client


@pytest.fixture
def draft(cast):
    return intake.create_audit(cast.owner, kind="speech", file=upload(speech_table()), title="A draft")[0]


# Upload and set-up


def test_a_file_becomes_a_draft_whose_columns_are_asked_for(owner, db):
    answer = owner.post(page("new"), NEW | {"file": upload(speech_table())})
    audit = Audit.objects.get()
    assert answer.url == page("setup", audit.key)
    shown = owner.get(answer.url)
    assert "the quick brown fox" in text(shown)
    fields = fields_of(shown, "setup-form")
    assert fields["role_0"] == "reference" and fields["role_3"] == "speaker"
    assert fields["role_4"] == "group:not said"


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"kind": "speech", "title": "x"}, "This field is required."),
        (NEW | {"kind": "poetry"}, "Select a valid choice"),
        (NEW | {"file": upload(pl.DataFrame({"a": [], "b": []}))}, "row"),
        (NEW | {"file": upload(speech_table(), "x"), "title": "t" * 121}, "at most 120"),
    ],
)
def test_what_is_wrong_with_an_upload_is_said_and_nothing_is_saved(owner, db, sent, sentence):
    assert sentence in text(owner.post(page("new"), sent))
    assert not Audit.objects.exists()


def test_confirmed_roles_start_the_audit(owner, draft):
    fields = fields_of(owner.get(page("setup", draft.key)), "setup-form")
    fields |= {
        "role_1": "hypothesis",
        "role_2": "hypothesis",
        "role_4": "group:self-reported",
        "baseline_0_column": "accent",
        "baseline_0_group": "Scots",
        "tolerance_0_metric": "wer",
        "tolerance_0_column": "gender",
        "tolerance_0_within": "2.5",
        "exclude_0_column": "sentence",
        "exclude_0_pattern": "(?i)^nothing",
        "smallest": "5",
        "system": "dictation-4",
    }
    answer = owner.post(page("setup", draft.key), fields)
    assert answer.url == page("report", draft.key)
    draft.refresh_from_db()
    assert draft.roles["ours"] == "hypothesis" and draft.system == "dictation-4"
    assert draft.settings["marks"] == {"accent": "self-reported"}
    assert draft.settings["baselines"] == {"accent": "Scots"}
    assert draft.settings["tolerances"] == [{"metric": "wer", "column": "gender", "within": 0.025}]
    assert draft.settings["exclude"] == [["sentence", "(?i)^nothing"]]
    assert draft.settings["smallest"] == 5
    assert "Waiting for a worker" in text(owner.get(answer.url))
    run_audits()
    assert "Where it is worst" in text(owner.get(answer.url))


def test_a_wrong_form_keeps_everything_and_starts_nothing(owner, draft):
    fields = fields_of(owner.get(page("setup", draft.key)), "setup-form")
    fields |= {"baseline_0_column": "accent", "role_2": "condition", "smallest": "1", "title": "Kept"}
    answer = owner.post(page("setup", draft.key), fields)
    shown = text(answer)
    assert "half filled" in shown and "greater than or equal to 2" in shown
    kept = fields_of(answer, "setup-form")
    assert kept["role_2"] == "condition" and kept["baseline_0_column"] == "accent" and kept["title"] == "Kept"
    draft.refresh_from_db()
    assert draft.is_draft


def test_roles_that_cannot_be_are_refused_with_their_sentence(owner, draft):
    fields = fields_of(owner.get(page("setup", draft.key)), "setup-form")
    fields |= {"role_1": "reference"}
    assert "are all given as reference" in text(owner.post(page("setup", draft.key), fields))


def test_a_column_that_is_no_group_has_no_baseline(owner, draft):
    fields = fields_of(owner.get(page("setup", draft.key)), "setup-form")
    fields |= {"role_1": "hypothesis", "baseline_0_column": "speaker", "baseline_0_group": "x"}
    assert "is no group or condition column" in text(owner.post(page("setup", draft.key), fields))


def test_two_baselines_of_one_column_are_one_too_many(owner, draft):
    fields = fields_of(owner.get(page("setup", draft.key)), "setup-form")
    for line in range(2):
        fields |= {f"baseline_{line}_column": "accent", f"baseline_{line}_group": "Scots"}
    assert "two baseline groups" in text(owner.post(page("setup", draft.key), fields))


def test_a_refused_file_shows_its_sentence_and_can_be_replaced(owner, cast):
    silent = speech_table().with_columns(pl.lit(" . ").alias("sentence"))
    audit = make(cast.owner, silent)
    run_audits()
    shown = text(owner.get(page("report", audit.key)))
    assert "holds no words" in shown and "Send another file" in shown
    assert "holds no words" in text(owner.get(page("setup", audit.key)))
    sent = {"replace": "1", "file": upload(speech_table(), "mended.csv")}
    answer = owner.post(page("setup", audit.key), sent)
    assert answer.url == page("setup", audit.key)
    shown = owner.get(answer.url)
    assert "mended.csv" in text(shown)
    assert fields_of(shown, "setup-form")["role_1"] == "hypothesis"


def test_replacing_with_nothing_is_refused(owner, draft):
    assert "This field is required." in text(owner.post(page("setup", draft.key), {"replace": "1"}))


# While it runs


def test_a_running_audit_shows_how_far_it_is_and_asks_again(owner, made):
    change(made, status="running", stage="Counting errors", progress=0.42)
    for headers in ({}, HTMX):
        shown = html(owner.get(page("report", made.key), headers=headers))
        assert "Counting errors" in shown and "42" in shown
        assert 'hx-trigger="every 2s"' in shown and f"{page('report', made.key)}?seen=" in shown
    assert "<html" not in html(owner.get(page("report", made.key), headers=HTMX))


def test_its_page_is_loaded_anew_when_there_is_a_result(owner, done):
    answer = owner.get(page("report", done.key), {"seen": "running"}, headers=HTMX)
    assert answer["HX-Refresh"] == "true"


def test_our_failure_is_an_apology(owner, made):
    change(made, status="failed", log="Traceback: secret")
    shown = text(owner.get(page("report", made.key)))
    assert "failed on our side" in shown and "secret" not in shown


@pytest.mark.parametrize("name", [name for name in TABS if name != "report"])
def test_an_unfinished_audit_has_no_other_page(owner, made, name):
    assert owner.get(page(name, made.key)).status_code == 404


# The report


@pytest.mark.parametrize("name", TABS)
def test_every_tab_opens_whole_and_as_a_part(owner, done, name):
    whole = owner.get(page(name, done.key))
    assert f'href="{page(name, done.key)}" aria-current="page"' in html(whole)
    part = owner.get(page(name, done.key), headers=HTMX)
    assert "<html" not in html(part) and 'id="part"' in html(part)
    assert "HX-Request" in whole["Vary"] and "HX-Request" in part["Vary"]


def test_a_page_brought_back_by_the_browser_is_whole(owner, done):
    headers = HTMX | {"HX-History-Restore-Request": "true"}
    assert "<html" in html(owner.get(page("rates", done.key), headers=headers))


def test_coverage_and_headline_lead(owner, done):
    shown = text(owner.get(page("report", done.key)))
    assert "Utterances 384" in shown and "Speakers 96" in shown
    assert "accent (origin not said)" in shown and "Welsh" in shown
    assert shown.index("Who is in the data") < shown.index("Where it is worst")


def test_rates_are_those_of_the_result(owner, done):
    table = next(
        table
        for table in done.result["tables"]
        if table["system"] == "ours" and table["columns"] == ["accent"]
    )
    welsh = next(row for row in table["rows"] if row["group"].get("accent") == "Welsh")
    shown = text(owner.get(page("rates", done.key), {"by": "accent"}))
    assert f"{100 * welsh['value']:.1f} %" in shown
    assert f"{100 * welsh['low']:.1f} to {100 * welsh['high']:.1f} %" in shown
    assert "studentised bootstrap over speakers" in shown and "corrected over the 4 comparisons" in shown
    worst = re.findall(
        r'<th scope="row" class="group"><a [^>]+>(\w+)', html(owner.get(page("rates", done.key)))
    )
    assert worst[0] == "Welsh"


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"system": "theirs"}, "Word error rate by accent"),
        ({"metric": "cer"}, "Character error rate by accent"),
        ({"metric": "wil"}, "no p value: this rate is a product"),
        ({"metric": "word_recall"}, "Higher is better"),
        ({"aggregation": "cluster_mean"}, "Mean over speakers"),
        ({"aggregation": "macro"}, "Mean over groups"),
        ({"by": ["gender", "accent"]}, "Word error rate by gender (origin not said) and accent"),
        ({"by": "gender", "where": "accent=Welsh"}, "Only accent = Welsh."),
        ({"by": "gender", "where": ["accent=Welsh", "noise=quiet"]}, "and noise = quiet"),
        ({"versus": "baseline", "baseline": "Irish"}, "are against Irish"),
        ({"versus": "baseline", "baseline": "nobody"}, "are against Irish"),
        ({"versus": "best"}, "the same data chose the best group"),
    ],
)
def test_every_switch_of_the_rates(owner, done, query, words):
    assert words in text(owner.get(page("rates", done.key), query))


@pytest.mark.parametrize("name", ["rates", "intersections", "errors", "conditions", "speakers", "systems"])
@pytest.mark.parametrize(
    "query",
    [
        {"system": "nobody"},
        {"metric": "nothing"},
        {"by": "nothing"},
        {"by": ["accent", "gender", "age"]},
        {"where": "accent"},
        {"where": "accent=Martian"},
        {"where": "=x"},
        {"aggregation": "mode"},
        {"versus": "all"},
        {"by": "<script>alert(1)</script>"},
        {"condition": "nothing", "first": "nobody", "second": "\x00"},
        {"page": "-1", "errors": "x", "order": "y"},
    ],
)
def test_what_is_asked_wrongly_is_a_sentence(owner, done, name, query):
    answer = owner.get(page(name, done.key), query)
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        shown = html(answer, 400)
        assert "This cannot be shown" in shown and "<script>alert" not in shown
        assert "Show the default view" in html(owner.get(page(name, done.key), query, headers=HTMX), 400)


def test_an_intersection_is_a_heat_map_with_its_table(owner, done):
    shown = text(owner.get(page("intersections", done.key), {"by": ["accent", "gender"]}))
    assert "accent (origin not said) × gender (origin not said)" in shown and "n = 48" in shown
    assert "too small" in text(owner.get(page("intersections", done.key), {"by": ["accent", "age"]}))


def test_errors_are_told_by_type_and_word(owner, done):
    shown = text(owner.get(page("errors", done.key), {"by": "accent"}))
    assert "Substitutions" in shown and "Insertions" in shown and "Words by accent" in shown


def test_groups_stand_by_condition(owner, done):
    shown = text(owner.get(page("conditions", done.key)))
    assert "accent (origin not said) by noise" in shown and "quiet" in shown and "street" in shown


def test_systems_stand_side_by_side_and_are_compared(owner, done):
    shown = text(owner.get(page("systems", done.key)))
    assert "ours less theirs" in shown and "Over matched utterances" in shown
    same = text(owner.get(page("systems", done.key), {"first": "ours", "second": "ours"}))
    assert "Choose two different systems" in same


def test_utterances_are_filtered_and_aligned(owner, done):
    first = html(owner.get(page("utterances", done.key)))
    assert 'class="word-substituted"' in first and first.count("utterance-words") == 25
    clean = html(owner.get(page("utterances", done.key), {"errors": "none"}))
    assert "word-substituted" not in clean.split("</p>", 40)[-1]
    welsh = text(owner.get(page("utterances", done.key), {"where": "accent=Welsh", "errors": "some"}))
    assert "accent: Welsh" in welsh and "accent: Scots" not in welsh
    assert "Nothing fits" in text(owner.get(page("utterances", done.key), {"q": "no such words"}))
    assert "96 utterances" in text(owner.get(page("utterances", done.key), {"q": "QUICK brown"}))


def test_each_speaker_is_told_with_their_group(owner, done):
    shown = text(owner.get(page("speakers", done.key), {"by": "accent", "where": "gender=woman"}))
    assert "speaker-00" in shown and "speaker-04" not in shown and "48, the worst first" in shown


def test_the_method_has_the_command_and_the_hash(owner, done):
    shown = text(owner.get(page("method", done.key)))
    assert done.result["data"]["sha256"] in shown
    assert "python -m fairness audit" in shown and "--role sentence=reference" in shown
    assert "studentised bootstrap of 1,000 draws" in shown


def test_a_mark_stands_wherever_the_column_does(owner, cast):
    audit = make(cast.owner, values={"marks": {"accent": "perceived"}, "tolerances": [
        {"metric": "wer", "column": "accent", "within": 0.01}]})  # fmt: skip
    run_audits()
    for name in TABS:
        if name in ("utterances", "worst"):
            continue
        shown = text(owner.get(page(name, audit.key)))
        assert "accent (perceived)" in shown, name


def test_a_classification_has_its_own_tabs(owner, cast):
    frame = loan_table().with_columns(pl.Series("score", [0.1 + 0.8 * (n % 7) / 6 for n in range(600)]))
    roles = {"repaid": "y_true", "score": "score", "sex": "group", "region": "group"}
    audit = make(cast.owner, frame, kind="classification", roles=roles, values={"favourable": "yes"})
    run_audits()
    shown = html(owner.get(page("report", audit.key)))
    tabs = re.findall(r'href="/audits/\w+/(\w*)/?"', shown.split('aria-label="Report"')[1].split("</nav>")[0])
    assert "calibration" in tabs
    assert not {"errors", "conditions", "speakers", "systems", "utterances"} & set(tabs)
    for query in ({}, {"by": "region"}):
        assert "Score less outcome" in text(owner.get(page("calibration", audit.key), query))
    assert owner.get(page("calibration", audit.key), {"by": "nothing"}).status_code == 400
    assert owner.get(page("calibration", audit.key), {"system": "nothing"}).status_code == 400
    assert (
        "false rejections" in text(owner.get(page("rates", audit.key), {"metric": "false_rejection"})).lower()
    )
    for name in ("errors", "conditions", "speakers", "systems", "utterances"):
        assert owner.get(page(name, audit.key)).status_code == 404


HOSTILE = "<script>alert(1)</script>"


def test_hostile_names_are_text_everywhere(owner, cast):
    table = speech_table().with_columns(
        pl.col("accent").replace({"Welsh": HOSTILE, "Irish": "مَرحَبًا"}).alias(f"{HOSTILE}="),
        (pl.lit("<b>") + pl.col("speaker")).alias("speaker"),
    ).rename({"ours": "<img src=x onerror=alert(1)>", "noise": "a" * 100})  # fmt: skip
    roles = {name: role for name, role in SPEECH_ROLES.items() if name not in ("ours", "noise", "accent")}
    roles |= {f"{HOSTILE}=": "group", "<img src=x onerror=alert(1)>": "hypothesis", "a" * 100: "condition"}
    audit = make(cast.owner, table, roles=roles, title=HOSTILE, description=HOSTILE, release=HOSTILE)
    run_audits()
    audit.refresh_from_db()
    assert audit.is_done, audit.error_detail or audit.log
    for name in (*TABS, "settings", "setup"):
        query = {"by": f"{HOSTILE}="} if name not in ("settings", "setup") else {}
        shown = html(owner.get(page(name, audit.key), query))
        assert HOSTILE not in shown and "<img src=x" not in shown and "<b>speaker" not in shown
        assert "&lt;script&gt;" in shown
    only = {"by": "gender", "where": f"{HOSTILE}={'='}{HOSTILE}"}
    assert f"Only {HOSTILE}= = {HOSTILE}." in text(owner.get(page("rates", audit.key), only))
    assert HOSTILE not in html(owner.get(page("list")))


# Lists


def test_the_list_is_searched_and_filtered(owner, cast, done, loans):
    intake.set_details(done, system="dictation", series="year", release="4")
    shown = text(owner.get(page("list")))
    assert "Dictation by accent" in shown and "Loans by region" in shown and "384" in shown
    for query, found in (
        ({"q": "DICTA"}, "Dictation by accent"),
        ({"q": "year"}, "Dictation by accent"),
        ({"kind": "classification"}, "Loans by region"),
        ({"whose": "mine", "q": "loans"}, "Loans by region"),
        ({"whose": "public"}, "Nothing matches"),
        ({"q": "no such"}, "Nothing matches"),
    ):
        shown = text(owner.get(page("list"), query))
        assert found in shown
        assert ("Dictation by accent" in shown) + ("Loans by region" in shown) == (found != "Nothing matches")
    assert owner.get(page("list"), {"kind": "poetry", "whose": "x", "page": "x"}).status_code == 200


def test_an_empty_list_says_what_to_do(client, owner, db):
    assert "No audit yet" in text(owner.get(page("list")))
    client.logout()
    assert "No public audit yet" in text(client.get(page("list")))


def test_drafts_and_refused_ones_stand_apart(owner, draft):
    shown = html(owner.get(page("list")))
    assert "Not finished" in shown and page("setup", draft.key) in shown


# Settings


def test_details_visibility_and_readers_are_changed(owner, cast, done):
    address = page("settings", done.key)
    assert owner.post(address, {"do": "details", "title": "New title", "release": "5"}).url == address
    assert owner.post(address, {"do": "visibility", "visibility": "unlisted"}).url == address
    assert owner.post(address, {"do": "viewer", "user_name": "participant"}).url == address
    done.refresh_from_db()
    assert (done.title, done.release, done.visibility) == ("New title", "5", "unlisted")
    assert list(done.viewers.all()) == [cast.participant]
    assert "participant" in text(owner.get(address))
    owner.post(address, {"do": "remove", "user_name": "participant"})
    assert not done.viewers.exists()
    assert done.is_done


@pytest.mark.parametrize(
    ("sent", "sentence"),
    [
        ({"do": "viewer", "user_name": "nobody"}, "There is no user"),
        ({"do": "viewer", "user_name": "owner"}, "yours"),
        ({"do": "visibility", "visibility": "secret"}, "Select a valid choice"),
        ({"do": "details", "title": ""}, "This field is required."),
        ({"do": "details", "title": "x", "system": "no slug!"}, "Enter a valid"),
    ],
)
def test_wrong_settings_are_refused_with_a_sentence(owner, done, sent, sentence):
    assert sentence in text(owner.post(page("settings", done.key), sent))
    done.refresh_from_db()
    assert (done.title, done.visibility) == ("Dictation by accent", "private")


def test_a_deleted_audit_is_gone(owner, done):
    assert owner.post(page("delete", done.key)).url == page("list")
    assert owner.get(page("report", done.key)).status_code == 404


# Several at once


@pytest.fixture
def second(cast, done):
    audit = make(cast.owner, speech_table(seed=9), title="Dictation, next", release="2", series="year")
    intake.set_details(done, release="1", series="year")
    return scored(audit)


def test_two_audits_stand_side_by_side(owner, cast, done, second):
    shown = text(owner.get(page("compare"), {"a": done.key, "b": second.key}))
    assert "The same test set" in shown and "accent (origin not said)" in shown and "Welsh" in shown
    other = make(cast.owner, speech_table(speakers=80), title="Other people")
    run_audits()
    assert "Different data" in text(owner.get(page("compare"), {"a": done.key, "b": other.key}))
    same = text(owner.get(page("compare"), {"a": done.key, "b": done.key, "system_b": "theirs"}))
    assert "The same data" in same
    assert "Choose two audits" in text(owner.get(page("compare"), {"a": done.key}))
    assert "Character error rate" in text(
        owner.get(page("compare"), {"a": done.key, "b": second.key, "metric": "cer"}, headers=HTMX)
    )


@pytest.mark.parametrize("query", [{"metric": "nothing"}, {"system_a": "nobody"}])
def test_a_comparison_asked_wrongly_is_a_sentence(owner, done, second, query):
    answer = owner.get(page("compare"), {"a": done.key, "b": second.key} | query)
    assert "This cannot be shown" in text(answer, 400)


def test_two_kinds_cannot_be_compared(owner, done, loans):
    answer = owner.get(page("compare"), {"a": done.key, "b": loans.key})
    assert "two different kinds" in text(answer, 400)


def test_a_series_is_a_trend(owner, done, second):
    address = page("series", "owner", "year")
    assert address in html(owner.get(page("report", done.key)))
    shown = text(owner.get(address, {"by": "accent"}))
    assert "Word error rate by release: accent (origin not said)" in shown and "Welsh" in shown
    assert owner.get(address, {"metric": "x"}).status_code == 400
    assert owner.get(address, {"by": "x"}).status_code == 400
    assert owner.get(page("series", "owner", "nothing")).status_code == 404
    assert owner.get(page("series", "nobody", "year")).status_code == 404


def test_the_navigation_leads_to_audits(owner, db):
    assert f'href="{page("list")}"' in html(owner.get(reverse("bounty:list")))


def test_settings_about_columns_that_a_new_file_lacks_are_dropped(owner, cast):
    values = {"baselines": {"accent": "Scots"}, "exclude": [["accent", "x"]], "tolerances": [
        {"metric": "wer", "column": "accent", "within": 0.02}]}  # fmt: skip
    audit = make(cast.owner, values=values)
    run_audits()
    other = upload(speech_table().drop("accent"), "other.csv")
    owner.post(page("setup", audit.key), {"replace": "1", "file": other})
    fields = fields_of(owner.get(page("setup", audit.key)), "setup-form")
    assert owner.post(page("setup", audit.key), fields).url == page("report", audit.key)
    audit.refresh_from_db()
    assert not audit.settings["baselines"] and not audit.settings["tolerances"]


def test_a_file_that_turns_out_wrong_while_it_runs_is_loaded_anew(owner, made):
    change(made, status="rejected", error="bad_table", error_detail="Row 7 is wrong.")
    answer = owner.get(page("report", made.key), {"seen": "running"}, headers=HTMX)
    assert answer["HX-Refresh"] == "true"
    assert "Row 7 is wrong." in text(owner.get(page("report", made.key)))


def test_counts_without_groups_and_people_still_make_a_report(owner, cast):
    frame = pl.DataFrame({"words": [5, 6, 7], "substitutions": [1, 0, 2], "deletions": [0, 1, 0],
                          "insertions": [0, 0, 1]})  # fmt: skip
    roles = {name: name for name in frame.columns}
    audit = make(cast.owner, frame, roles=roles)
    run_audits()
    shown = text(owner.get(page("report", audit.key)))
    assert "27.8 %" in shown and "nothing can be said about groups" in shown
    assert "Substitutions" in text(owner.get(page("errors", audit.key)))
    assert "Python" in text(owner.get(page("method", audit.key)))
    for name in ("rates", "intersections", "speakers", "utterances"):
        assert owner.get(page(name, audit.key)).status_code == 404


def test_every_table_of_a_report_leads_to_its_csv(owner, done):
    linked = set()
    for name in ("report", "rates", "intersections", "errors", "speakers", "systems", "worst", "utterances"):
        shown = html(owner.get(page(name, done.key)))
        linked |= {unescape(link) for link in re.findall(r'href="([^"]+\.csv[^"]*)"', shown)}
    names = {link.split("?")[0].rsplit("/", 1)[1] for link in linked}
    assert names >= {
        "tables.csv", "coverage.csv", "sensitivity.csv", "words.csv", "speakers.csv", "comparisons.csv",
        "worst.csv", "utterances.csv",
    }  # fmt: skip
    for link in linked:
        answer = owner.get(link)
        assert answer.status_code == 200, link
        assert b"".join(answer.streaming_content).count(b"\n") > 1, link


def test_a_comparison_and_a_series_are_csv_too(owner, done, second):
    for address, line in (
        (f"{page('compare')}?a={done.key}&b={second.key}&metric=cer", "cer,accent,Welsh,"),
        (f"{page('series', 'owner', 'year')}?by=accent", ",wer,accent,Welsh,"),
    ):
        (link,) = re.findall(r'href="(\?[^"]*as=csv[^"]*)"', html(owner.get(address)))
        answer = owner.get(address.split("?")[0] + unescape(link))
        assert answer["Content-Type"].startswith("text/csv")
        assert line in b"".join(answer.streaming_content).decode()


def test_the_csv_of_a_page_without_choices_is_that_table_alone(owner, done):
    (link,) = re.findall(r'href="([^"]+tables\.csv\?[^"]*)"', html(owner.get(page("rates", done.key))))
    lines = b"".join(owner.get(unescape(link)).streaming_content).decode().splitlines()
    assert len(lines) == 1 + 1 + 4  # the header, everyone, and four accents
