import unicodedata
from importlib.metadata import version as installed

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from whisper_normalizer.english import EnglishTextNormalizer

from fairness.normalise import NORMALISERS, normalise, version

BASIC = [
    ("Hello, World!", "hello world"),
    ("  a\t\tb\u00a0\u2003c\r\nd\x1ce ", "a b c d e"),
    ("I’m here, it`s so: don´t", "i'm here it's so don't"),
    ("'Tis the dogs' ‘bone’ rock'n'roll '' 'a' 'b'", "tis the dogs bone rock'n'roll a b"),
    ("a''b", "a b"),
    ("well-known – “so” — 1,000.50", "well known so 1 000 50"),
    ("U.S.A. snake_case A/B 50% $5 C++", "u s a snake case a b 50 $5 c++"),
    ("CAFE\u0301 Ångström ǅ", "café ångström dž"),
    ("ＦＵＬＬ　ｗｉｄｔｈ＇ｓ ﬁne ①", "full width's fine 1"),
    ("¿Qué? ¡Sí!", "qué sí"),
    ("naïve co\u00adoperate \u200eltr\u200f", "naïve cooperate ltr"),
    ("हिन्दी में।", "हिन्दी में"),
    ("می\u200cخواهم؟", "می\u200cخواهم"),
    ("中文，标点。", "中文 标点"),
    ("ŉ İ ẞ ΟΔΟΣ", "n i̇ ß οδος"),
    ("'", ""),
    ("...", ""),
    ("", ""),
]


def one(text: str | None, how: str) -> str:
    return normalise(pl.Series([text], dtype=pl.String), how).item()


@pytest.mark.parametrize(("text", "expected"), BASIC)
def test_basic_takes_out_case_and_punctuation(text, expected):
    assert one(text, "basic") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  Hello,\t World! ", "Hello, World!"),
        ("e\u0301t\u00e9", "été"),
        ("ﬁ ①", "ﬁ ①"),
        ("a\u2028b\x1fc", "a b c"),
    ],
)
def test_none_composes_and_collapses_spaces_alone(text, expected):
    assert one(text, "none") == expected


def test_ascii_deletes_the_punctuation_of_ascii_alone():
    assert one("Well-known, don't! I’m “so” $5", "ascii") == "wellknown dont i’m “so” 5"


@pytest.mark.parametrize("how", NORMALISERS)
def test_what_is_missing_is_empty_and_names_and_lengths_stay(how):
    texts = pl.Series("said", ["A b", None, "A b", "c"])
    done = normalise(texts, how)
    assert (done.name, done.dtype, len(done)) == ("said", pl.String, 4)
    assert done[1] == ""
    assert done[0] == done[2]
    assert normalise(pl.Series("none", [None, None]), how).to_list() == ["", ""]
    assert normalise(pl.Series("none", [], dtype=pl.String), how).to_list() == []


def test_english_is_whispers():
    texts = ["Mr. Smith's colour, um, isn't twenty-two [laughs].", "ALL  right", "", "I’m (quietly) 1,000 £5"]
    whispers = EnglishTextNormalizer()
    expected = [" ".join(whispers(text).split()) for text in texts]
    assert normalise(pl.Series(texts), "english").to_list() == expected
    assert expected[0] == "mister smith is color is not 22"


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=30))
@example("J\u030c")
@example("´´a")
@example("e\u00ad\u0301")
@example("' 'a")
def test_all_but_english_change_nothing_the_second_time(text):
    text = text.encode("utf-8", "ignore").decode()
    for how in ("none", "basic", "ascii"):
        once = one(text, how)
        assert one(once, how) == once
        assert once == " ".join(once.split())


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
def test_basic_leaves_no_capital_and_no_punctuation_but_apostrophes_in_words(text):
    for word in one(text, "basic").split():
        assert not word.startswith("'")
        assert not word.endswith("'")
        assert not [c for c in word if unicodedata.category(c)[0] == "P" and c != "'"]
        assert word == word.lower()


def test_a_text_comes_out_the_same_whatever_stands_beside_it():
    texts = ["Plain text.", "Café’s", "It's", "日本、"]
    alone = [one(text, "basic") for text in texts]
    assert normalise(pl.Series(texts * 3), "basic").to_list() == alone * 3


def test_versions_name_the_rules():
    assert [version(how) for how in ("none", "basic")] == ["none 1", "basic 1"]
    assert version("english") == f"english (whisper-normalizer {installed('whisper-normalizer')})"


@pytest.mark.parametrize("call", [lambda: version("loud"), lambda: normalise(pl.Series(["a"]), "loud")])
def test_it_refuses_an_unknown_way(call):
    with pytest.raises(
        ValueError, match="Unknown normalisation 'loud': choose one of none, basic, ascii, english"
    ):
        call()


def test_separators_of_old_files_stand_between_words():
    assert one("\x1f´tis\x1d dogs'\x1e", "basic") == "tis dogs"
