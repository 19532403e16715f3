"""A service card as a PDF for print: A4, real text, fonts embedded, intervals drawn as lines.

The same card gives the same bytes. What the fonts have no letter for stands as ◌ with a number, and its code
points are listed at the end, so that no name is lost or mistaken for another.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

import font_source_sans_pro
from fontTools.ttLib import TTFont
from fpdf import FPDF, XPos, YPos

from .card import Card, Gaps, Line, Rates

FONTS = Path(font_source_sans_pro.font_directory)
FACES = {"": "SourceSansPro-Regular.ttf", "B": "SourceSansPro-Semibold.ttf"}
FONT = "Source Sans Pro"
INK, MUTED, ACCENT, RUST = (23, 32, 31), (86, 97, 96), (13, 92, 99), (184, 74, 38)
BORDER, SUNKEN = (214, 218, 214), (242, 243, 241)
MARGIN, WIDTH, HEIGHT = 18.0, 174.0, 297.0
FOOT = 18.0
# Of a table of rates, in millimetres: group, people, rate, interval, drawn, gap, p.
COLUMNS = (47.0, 15.0, 15.0, 27.0, 38.0, 18.0, 14.0)
MISSING = "◌"
LACKING = re.compile("\0+(?: \0+)*")
LANGUAGE = "en"

# A line for every table of every font is no news.
logging.getLogger("fontTools").setLevel(logging.WARNING)


def card_pdf(card: Card) -> bytes:
    """The card as a PDF file."""
    sheet = _Sheet(card)
    sheet.head()
    sheet.measured()
    sheet.people()
    for rates in card.rates:
        sheet.rates(rates)
    sheet.gaps()
    sheet.texts("What was promised", card.promises)
    sheet.texts("Limits", card.limits)
    sheet.method()
    sheet.missing_letters()
    return bytes(sheet.output())


@cache
def letters() -> frozenset[int]:
    """The code points that every face of the font has."""
    found = []
    for name in FACES.values():
        with TTFont(FONTS / name) as face:
            found.append(frozenset(face.getBestCmap()))
    return frozenset.intersection(*found)


class Letters:
    """Makes texts of letters that the font has, and remembers what stood where it has none."""

    def __init__(self) -> None:
        self.replaced: dict[str, int] = {}

    def shown(self, text: str) -> str:
        plain = "".join(
            " " if letter.isspace() and letter != "\u00a0" else letter
            for letter in unicodedata.normalize("NFC", text)
        )
        known = "".join(letter if ord(letter) in letters() else "\0" for letter in plain)
        return LACKING.sub(lambda run: self.stand_in(plain[run.start() : run.end()]), known)

    def stand_in(self, run: str) -> str:
        return f"{MISSING}[{self.replaced.setdefault(run, len(self.replaced) + 1)}]"


class _Sheet(FPDF):
    def __init__(self, card: Card) -> None:
        super().__init__(format="A4")
        self.card, self.letters = card, Letters()
        for style, name in FACES.items():
            self.add_font(FONT, style, str(FONTS / name))
        self.set_margins(MARGIN, MARGIN)
        self.set_auto_page_break(True, FOOT)
        self.set_lang(LANGUAGE)
        self.set_title(f"Service card: {card.title}")
        self.set_author(card.owner)
        self.set_subject(f"Error rates by group of {card.system}")
        self.set_creator("Faultline")
        self.set_producer("Faultline")
        self.set_creation_date(card.finished)
        self.alias_nb_pages("{pages}")
        self.add_page()

    def footer(self) -> None:
        self.set_y(HEIGHT - 12)
        self.pen(7.5, MUTED)
        self.cell(22, 4, f"Page {self.page_no()} of {{pages}}")
        self.cell(WIDTH - 22, 4, self.cut(f"{self.card.address} · {self.card.title}", WIDTH - 22), align="R")

    # Text

    def pen(self, size: float, colour: tuple[int, int, int] = INK, style: str = "") -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(*colour)

    def cut(self, text: str, width: float) -> str:
        """A text on one line of a width, in the present font."""
        text = self.letters.shown(text)
        if self.get_string_width(text) <= width:
            return text
        while text and self.get_string_width(f"{text}…") > width:
            text = text[:-1]
        return f"{text}…"

    def paragraph(self, text: str, width: float = WIDTH, height: float = 4.3) -> None:
        self.multi_cell(
            width, height, self.letters.shown(text), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT
        )

    def heading(self, text: str, room: float = 24) -> None:
        """A heading that is not left alone at the foot of a page."""
        self.need(room)
        self.ln(3.5)
        self.pen(12, INK, "B")
        self.paragraph(text, height=6)
        self.ln(0.8)

    def need(self, room: float) -> None:
        if self.get_y() + room > HEIGHT - FOOT:
            self.add_page()

    def items(self, texts: Iterable[str], colour: tuple[int, int, int] = INK) -> None:
        for text in texts:
            self.need(6)
            self.pen(9, ACCENT, "B")
            self.cell(4, 4.3, "·")
            self.pen(9, colour)
            left, self.l_margin = self.l_margin, MARGIN + 4
            self.paragraph(text, WIDTH - 4)
            self.l_margin = left
            self.set_x(left)
            self.ln(0.6)

    def texts(self, title: str, texts: Sequence[str]) -> None:
        if texts:
            self.heading(title)
            self.items(texts)

    def pairs(self, pairs: Iterable[tuple[str, str]], name_width: float = 34) -> None:
        for name, text in pairs:
            self.need(6)
            self.pen(9, MUTED)
            self.cell(name_width, 4.5, self.cut(name, name_width - 2))
            self.pen(9)
            left, self.l_margin = self.l_margin, MARGIN + name_width
            self.paragraph(text, WIDTH - name_width, 4.5)
            self.l_margin = left
            self.set_x(left)

    # Parts

    def head(self) -> None:
        card = self.card
        self.pen(9, ACCENT, "B")
        self.paragraph("SERVICE CARD", height=4)
        self.pen(19, INK, "B")
        self.paragraph(card.title, height=8)
        self.ln(1.5)
        self.pairs(card.facts)
        if card.description:
            self.ln(2)
            self.pen(9, MUTED)
            self.paragraph(card.description)
        self.ln(3)
        self.summary()

    def summary(self) -> None:
        """The sentences that matter most, on a ground of their own."""
        texts = [self.letters.shown(text) for text in self.card.summary]
        self.pen(10)
        inner = WIDTH - 8
        heights = [
            self.multi_cell(inner, 4.9, text, align="L", dry_run=True, output="HEIGHT") for text in texts
        ]
        height = sum(heights) + 1.2 * (len(texts) - 1) + 6
        self.need(height)
        top = self.get_y()
        self.set_fill_color(*SUNKEN)
        self.rect(MARGIN, top, WIDTH, height, style="F")
        self.set_fill_color(*ACCENT)
        self.rect(MARGIN, top, 1.0, height, style="F")
        self.set_y(top + 3)
        for text in texts:
            self.set_x(MARGIN + 5)
            self.multi_cell(inner, 4.9, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(1.2)
        self.set_y(top + height)

    def measured(self) -> None:
        self.heading("What was measured")
        widths = (62.0, 60.0, 18.0, 34.0)
        self.row_of(("Rate over everyone", "Formula", "Value", "95 % interval"), widths, "LLRR", head=True)
        for one in self.card.measured:
            self.row_of((one.name, one.formula, one.rate, one.interval), widths, "LLRR")

    def people(self) -> None:
        if not self.card.covered:
            return
        self.heading("On whom")
        for one in self.card.covered:
            self.need(12)
            self.pen(9, INK, "B")
            mark = f" ({one.mark})" if one.mark else ""
            self.paragraph(f"{one.column}{mark}: {one.not_stated} not stated")
            self.pen(9)
            self.paragraph(one.groups)
            self.ln(1)

    def rates(self, rates: Rates) -> None:
        mark = f" ({rates.mark})" if rates.mark else ""
        self.heading(f"{rates.title}{mark}", room=38)
        self.rates_head(rates)
        self.rate_line(rates.everyone, rates, everyone=True)
        for line in rates.lines:
            self.rate_line(line, rates)
        self.pen(7.5, MUTED)
        self.ln(0.8)
        self.paragraph(f"{rates.scale} {rates.note}".strip(), height=3.6)

    def rates_head(self, rates: Rates) -> None:
        names = ("Group", rates.counted.capitalize(), "Rate", "95 % interval", "", "Gap", "p")
        self.row_of(names, COLUMNS, "LRRRLRR", head=True)

    def rate_line(self, line: Line, rates: Rates, *, everyone: bool = False) -> None:
        inner = COLUMNS[0] - 1
        self.pen(9, INK, "B" if everyone else "")
        name = self.wrapped(line.group, inner)
        self.pen(7.5, MUTED)
        notes = self.wrapped(line.note, WIDTH - 4) if line.note else []
        height = max(4.2 * len(name), 4.2) + 3.4 * len(notes) + 1.2
        if self.get_y() + height > HEIGHT - FOOT:
            self.add_page()
            self.rates_head(rates)
        top = self.get_y()
        if everyone:
            self.set_fill_color(*SUNKEN)
            self.rect(MARGIN, top, WIDTH, height, style="F")
        self.pen(9, INK, "B" if everyone else "")
        for number, text in enumerate(name):
            self.set_xy(MARGIN, top + 0.6 + 4.2 * number)
            self.cell(inner, 4.2, text)
        self.set_xy(MARGIN + COLUMNS[0], top + 0.6)
        texts = (line.people, line.rate, line.interval, "", line.gap, line.p)
        for width, text in zip(COLUMNS[1:], texts, strict=True):
            self.cell(width, 4.2, text, align="R")
        if line.value is not None:
            self.whisker(line, rates, top + 2.7)
        self.pen(7.5, MUTED)
        for number, text in enumerate(notes):
            self.set_xy(MARGIN, top + 0.6 + 4.2 * len(name) + 3.4 * number)
            self.cell(WIDTH, 3.4, text)
        self.set_xy(MARGIN, top + height)
        self.rule(top + height)

    def whisker(self, line: Line, rates: Rates, y: float) -> None:
        """A rate and its interval on the scale 0 to the table's top, everyone's rate dashed."""
        left, width = MARGIN + sum(COLUMNS[:4]) + 4, COLUMNS[4] - 6

        def at(value: float) -> float:
            return left + width * min(max(value / rates.top, 0.0), 1.0)

        self.set_line_width(0.15)
        self.set_draw_color(*BORDER)
        self.line(left, y, left + width, y)
        if rates.everyone.value is not None:
            self.set_draw_color(*RUST)
            with self.local_context():
                self.set_dash_pattern(0.6, 0.6)
                self.line(at(rates.everyone.value), y - 2.1, at(rates.everyone.value), y + 2.1)
        self.set_line_width(0.45)
        self.set_draw_color(*MUTED)
        if line.low is not None and line.high is not None:
            self.line(at(line.low), y, at(line.high), y)
        self.set_fill_color(*ACCENT)
        self.circle(at(line.value or 0.0), y, 0.85, style="F")

    def wrapped(self, text: str, width: float) -> list[str]:
        found = self.multi_cell(width, 4, self.letters.shown(text), align="L", dry_run=True, output="LINES")
        return list(found)

    def row_of(
        self, texts: Sequence[str], widths: Sequence[float], align: str, *, head: bool = False
    ) -> None:
        self.need(14 if head else 6)
        for text, width, side in zip(texts, widths, align, strict=True):
            self.pen(8 if head else 9, MUTED if head else INK)
            self.cell(width, 4.9, self.cut(text, width - 1), align=side)
        self.ln(4.9)
        self.rule(self.get_y())

    def rule(self, y: float) -> None:
        self.set_draw_color(*BORDER)
        self.set_line_width(0.15)
        self.line(MARGIN, y, MARGIN + WIDTH, y)

    def gaps(self) -> None:
        for gaps in self.card.gaps:
            self.heading(f"Gaps in {gaps.metric.lower()}")
            self.pen(9, MUTED)
            self.paragraph(gaps.meaning)
            self.ln(1)
            self.gap_lists(gaps)

    def gap_lists(self, gaps: Gaps) -> None:
        for title, texts in gaps.lists:
            self.need(14)
            self.pen(9, INK, "B")
            self.paragraph(title)
            self.ln(0.6)
            self.items(texts)
            self.ln(0.8)
        if gaps.unknown:
            self.need(14)
            self.pen(9, INK, "B")
            self.paragraph(gaps.unknown_title)
            self.pen(9)
            self.paragraph("; ".join(gaps.unknown))

    def method(self) -> None:
        card = self.card
        self.heading("How")
        self.pairs(card.method)
        self.heading("Compute it again", room=30)
        self.pen(9)
        self.paragraph("With the same file, this command gives the same numbers with no server:")
        self.ln(1)
        self.command()
        self.ln(2)
        self.pen(9, MUTED)
        self.paragraph("The report, every table as CSV and the result as JSON:")
        self.pen(9, ACCENT)
        self.cell(WIDTH, 4.5, self.cut(card.address, WIDTH), link=card.address)
        self.ln(4.5)

    def command(self) -> None:
        self.pen(8.5)
        self.set_fill_color(*SUNKEN)
        self.multi_cell(
            WIDTH, 4.4, self.letters.shown(self.card.command), align="L", fill=True, padding=2,
            new_x=XPos.LMARGIN, new_y=YPos.NEXT,
        )  # fmt: skip

    def missing_letters(self) -> None:
        """What the font could not write, by number. Listed from a copy: the list itself replaces nothing."""
        if not self.letters.replaced:
            return
        self.heading("Letters that this file's font does not have")
        self.items(
            f"{MISSING}[{number}] " + " ".join(f"U+{ord(letter):04X}" for letter in text)
            for text, number in dict(self.letters.replaced).items()
        )
