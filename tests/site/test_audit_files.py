"""A report in one file and a service card in a real browser: from disk, on a phone, in the dark, on paper."""

import io

import pytest
from django.test import Client
from pypdf import PdfReader

from audits.models import Audit
from tests.audits.conftest import make, run_audits, speech_table

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]
WIDTHS = (1440, 390)
PLACES = "Welsh of the valleys and of the northern coast, told apart by nobody"


@pytest.fixture
def audit(cast):
    table = speech_table()
    made = make(cast.owner, table.with_columns(table["accent"].replace("Welsh", PLACES)))
    run_audits()
    Audit.objects.update(visibility="public")
    made.refresh_from_db()
    return made


def is_wider_than_the_screen(page) -> bool:
    return page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_report_opens_from_disk_with_no_network(page, audit, tmp_path, scheme):
    file = tmp_path / "report.html"
    file.write_bytes(Client().get(f"/audits/{audit.key}/report.html").content)
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.context.set_offline(True)
    page.emulate_media(color_scheme=scheme)
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(file.as_uri())
        assert not is_wider_than_the_screen(page)
    assert set(asked) == {file.as_uri()}
    page.get_by_role("link", name="How it was computed").click()
    assert page.locator("#method").is_visible()
    ground, text = (
        page.evaluate(f"getComputedStyle(document.body).{name}") for name in ("backgroundColor", "color")
    )
    assert (brightness(ground) > brightness(text)) is (scheme == "light")
    line = page.locator("tr", has_text=PLACES).locator("svg.whisker circle").first
    assert line.bounding_box()["width"] > 0


def brightness(colour: str) -> int:
    return sum(int(part) for part in colour.removeprefix("rgb(").removesuffix(")").split(","))


def test_the_card_fits_a_phone_and_three_sheets_of_paper(page, live_server, audit):
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        page.goto(f"{live_server.url}/audits/{audit.key}/card/")
        assert not is_wider_than_the_screen(page)
    paper = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    assert len(paper.pages) <= 3
    assert [round(float(side)) for side in paper.pages[0].mediabox[2:]] == [595, 842]
    printed = " ".join(sheet.extract_text() for sheet in paper.pages)
    assert "Compute it again" in printed
    assert "Sign in" not in printed and "Other system" not in printed


def test_the_pdf_is_fetched_from_the_card(page, live_server, audit):
    page.goto(f"{live_server.url}/audits/{audit.key}/card/?system=theirs")
    with page.expect_download() as download:
        page.get_by_role("link", name="PDF").click()
    assert download.value.suggested_filename == f"audit-{audit.key}-card.pdf"
    found = PdfReader(download.value.path())
    assert found.metadata.title == f"Service card: {audit.title}"
    assert "theirs" in found.pages[0].extract_text()
