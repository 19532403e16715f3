"""Texts that want to be markup, in a real browser: none runs, and the policy on content stops nothing."""

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from audits.models import Audit
from bounty import drafts, intake
from bounty.entry import Group
from bounty.models import Submission
from tests.attack.world import EVIL, MARKDOWN
from tests.audits.conftest import make, run_audits, speech_table
from tests.conftest import as_upload, draft, lending_table
from tests.site.conftest import sign_in

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def hostile_bounty(cast, run_worker):
    """Its owner, its table and those who submit all write what should run."""
    column, table = EVIL[:90], lending_table(1000)
    table = table.rename({"home": column}).with_columns(sex=table["sex"].replace("female", EVIL))
    texts = {"title": EVIL, "summary": EVIL, "description": MARKDOWN, "licence": EVIL, "source": EVIL}
    bounty = draft(cast.owner, group_columns=["sex", column], **texts)
    drafts.upload_table(bounty, as_upload(table, f"{EVIL}.csv"))
    run_worker()
    drafts.open_bounty(bounty)
    # A name that no form would take.
    cast.participant.username = EVIL
    cast.participant.save()
    intake.submit(
        cast.participant, bounty, Group("rule", f"sex = '{EVIL}'"), note=f"{EVIL}\n\u202e{MARKDOWN}"
    )
    file = SimpleUploadedFile(EVIL, b"no model")
    intake.submit(cast.participant, bounty, Group("onnx", file=file), note=EVIL)
    run_worker()
    Submission.objects.update(log=EVIL, error_detail=EVIL)
    return bounty


@pytest.fixture
def hostile_audit(cast):
    table = speech_table()
    table = table.with_columns(
        accent=table["accent"].replace("Welsh", EVIL),
        speaker=table["speaker"] + EVIL,
        ours=table["ours"] + EVIL,
    )
    audit = make(cast.owner, table, title=EVIL, description=MARKDOWN, release=EVIL[:60], visibility="public")
    assert run_audits() == 1
    return Audit.objects.get(pk=audit.pk)


def test_no_text_runs_in_a_browser(hostile_bounty, hostile_audit, live_server, page, client, tmp_path):
    """The page's own fixture holds that its console stays silent."""
    opened = []
    page.on("dialog", lambda dialog: (opened.append(dialog.message), dialog.dismiss()))
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    slug, key = hostile_bounty.slug, hostile_audit.key
    submissions = [f"/submissions/{pk}/" for pk in Submission.objects.values_list("pk", flat=True)]
    manage = f"/bounties/{slug}/manage"
    sign_in(page, live_server, "/", "owner")
    for path in (
        *("/", "/bounties/", "/audits/", f"/bounties/{slug}/", f"/bounties/{slug}/data/"),
        *(f"/bounties/{slug}/leaderboard/", f"/bounties/{slug}/submit/", f"{manage}/", f"{manage}/edit/"),
        *(f"{manage}/submissions/", *submissions),
        *(f"/audits/{key}/{tab}" for tab in ("", "rates/", "speakers/", "utterances/", "settings/", "card/")),
    ):
        assert page.goto(f"{live_server.url}{path}").status == 200, path
        page.wait_for_load_state("networkidle")
        assert EVIL[2:27] in page.content().replace("&lt;", "<").replace("&gt;", ">"), path
    offline = tmp_path / "report.html"
    offline.write_bytes(client.get(f"/audits/{key}/report.html").content)
    page.goto(offline.as_uri())
    assert "Word error rate" in page.content()
    # What runs would be heard.
    page.evaluate("alert('heard')")
    assert opened == ["heard"]
    assert not [url for url in asked if not url.startswith((live_server.url, "data:", "blob:", "file:"))]
