"""The service card as a PDF, read back."""

import io
from dataclasses import replace

import polars as pl
import pytest
from pypdf import PdfReader

from audits import card
from audits.access import Reader
from audits.pdf import MISSING, card_pdf
from tests.audits.conftest import speech_table
from tests.audits.test_card import card_of, measured


@pytest.fixture
def one(cast, done) -> card.Card:
    return card_of(done, cast.owner)


def read(one: card.Card) -> PdfReader:
    return PdfReader(io.BytesIO(card_pdf(one)))


def text_of(pdf: PdfReader) -> str:
    return " ".join(" ".join(page.extract_text() for page in pdf.pages).replace("\u00a0", " ").split())


def test_it_says_what_the_card_says(one):
    text = text_of(read(one))
    for said in (
        one.title, *one.summary, one.rates[0].title, one.gaps[0].worse[0], *one.limits,
        one.command.split()[-1], *(value for _, value in one.facts), *(value for _, value in one.method),
    ):  # fmt: skip
        assert " ".join(said.replace("\u00a0", " ").split()) in text


def test_it_has_one_to_three_pages_of_a4_each_with_its_number(one):
    pdf = read(one)
    assert 1 <= len(pdf.pages) <= 3
    for number, page in enumerate(pdf.pages, 1):
        assert [round(float(side)) for side in page.mediabox[2:]] == [595, 842]
        assert f"Page {number} of {len(pdf.pages)}" in page.extract_text()


def test_its_fonts_are_embedded(one):
    fonts = {}
    for page in read(one).pages:
        fonts |= page["/Resources"]["/Font"]
    assert len(fonts) == 2
    for font in fonts.values():
        descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"]
        assert "SourceSansPro" in descriptor["/FontName"]
        assert len(descriptor["/FontFile2"].get_data()) > 1000


def test_it_says_its_title_author_language_and_time(one):
    pdf = read(one)
    assert pdf.metadata.title == f"Service card: {one.title}"
    assert pdf.metadata.author == "owner"
    assert pdf.metadata.creation_date.timestamp() == pytest.approx(one.finished.timestamp(), abs=1)
    assert pdf.trailer["/Root"]["/Lang"] == "en"


def test_intervals_are_drawn_as_lines_and_not_as_images(one):
    pdf = read(one)
    assert not any(page.images for page in pdf.pages)
    drawn = b" ".join(page.get_contents().get_data() for page in pdf.pages)
    dots = sum(line.value is not None for rates in one.rates for line in (rates.everyone, *rates.lines))
    # A dot is four curves.
    assert drawn.count(b" c\n") + drawn.count(b" c ") >= 4 * dots > 0


def test_the_same_card_gives_the_same_bytes(one):
    assert card_pdf(one) == card_pdf(one)


@pytest.mark.parametrize(
    "name",
    [
        "المنطقة الشرقية",
        "中部地方",
        "עברית",
        "🙂🏴󠁧󠁢󠁳󠁣󠁴󠁿",
        "a\tb\nc",
        "\u202eevil\u202c",
        "x" * 300,
        "Ünïcödé Žižek Ελληνικά",
    ],
)
def test_no_name_breaks_it(one, name):
    lines = tuple(replace(line, group=name, note=name) for line in one.rates[0].lines)
    odd = replace(
        one, title=name, description=name, limits=(name,), command=name,
        rates=(replace(one.rates[0], lines=lines, title=name),), facts=((name, name),),
    )  # fmt: skip
    pdf = read(odd)
    assert "Limits" in text_of(pdf)


def test_letters_that_the_font_lacks_are_told_apart(one):
    odd = replace(one, limits=("first 中部 here", "second 東北 here", "again 中部"))
    text = text_of(read(odd))
    assert (
        f"first {MISSING}[1] here" in text
        and f"second {MISSING}[2] here" in text
        and f"again {MISSING}[1]" in text
    )
    assert f"{MISSING}[1] U+4E2D U+90E8" in text and f"{MISSING}[2] U+6771 U+5317" in text


def test_european_letters_are_written_as_they_are(one):
    odd = replace(one, limits=("Łódź, Ελλάδα, Київ, Đà Nẵng",))
    text = text_of(read(odd))
    assert "Łódź, Ελλάδα, Київ, Đà Nẵng" in text and MISSING not in text


def test_many_groups_stay_within_three_pages(cast):
    table = speech_table(240).with_columns(
        town=pl.lit("town of ") + (pl.col("speaker").str.slice(8).cast(pl.Int32) % 20).cast(pl.String),
        club=pl.lit("club ") + (pl.col("speaker").str.slice(8).cast(pl.Int32) % 17).cast(pl.String),
    )
    roles = {
        "sentence": "reference", "ours": "hypothesis", "speaker": "speaker",
        "town": "group", "club": "group", "accent": "group", "gender": "group", "age": "group",
    }  # fmt: skip
    audit = measured(cast.owner, table, roles=roles)
    one = card_of(audit, cast.owner)
    assert any("more groups are in the report" in rates.note for rates in one.rates)
    assert len(read(one).pages) <= 3


def test_a_card_without_groups_is_a_page(cast):
    audit = measured(cast.owner, roles={"sentence": "reference", "ours": "hypothesis"})
    pdf = read(card.build(Reader(audit, cast.owner), "ours", "https://faultline.example/"))
    assert len(pdf.pages) == 1
    assert card.NO_COLUMNS in text_of(pdf)
