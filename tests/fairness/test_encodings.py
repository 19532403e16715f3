"""Which encoding a file is taken to be in, and the same frame whatever it is written in."""

from pathlib import Path

import polars as pl
import pytest

from fairness import encodings as module
from fairness.encodings import LEGACY, detect, utf8_copy
from fairness.tables import TableError, read_table

TEXTS = {
    "windows-1252": "El niño comió piña\nLe garçon a mangé à Noël\nGrößere Häuser\n“It’s” — 5 €\nPå Ærø\n",
    "windows-1250": "Dobrý den, jak se máte?\nPříliš žluťoučký kůň úpěl ďábelské ódy\nZażółć gęślą jaźń\n",
    "windows-1251": "Съешь же ещё этих мягких французских булок\nда выпей чаю\n",
    "windows-1253": "Η γρήγορη αλεπού πηδάει πάνω\nαπό τον τεμπέλη σκύλο\n",
    "windows-1254": (
        "Türkiye'nin başkenti Ankara'dır\nİstanbul en büyük şehirdir\nBugün hava ılık, ağaçlar yeşil\n"
        "Çocuklar bahçede top oynuyor\nÖğretmen sınıfa girdi, öğrenciler sıraya oturdu\n"
    ),
    "windows-1256": "السلام عليكم ورحمة الله\nمحمد وفاطمة في القاهرة\n",
    "koi8-r": "Съешь же ещё этих мягких французских булок\nда выпей чаю\n",
    "iso-8859-2": "Zażółć gęślą jaźń\nŁódź, Kraków i Gdańsk leżą w Polsce\n",
    "cp932": "東京と大阪\n今日はいい天気ですね\n",
    "euc-jp": "東京と大阪\n今日はいい天気ですね\n",
    "gb18030": "北京和上海\n今天天气很好，我们去公园\n",
    "big5": "台北和高雄\n今天天氣很好，我們去公園\n",
    "cp949": "서울과 부산\n안녕하세요 반갑습니다\n",
}


def saved(folder: Path, content: bytes) -> Path:
    path = folder / "table.csv"
    path.write_bytes(content)
    return path


def table(text: str) -> str:
    return "n;text\n" + "".join(f'{i};"{line}"\n' for i, line in enumerate(text.splitlines()))


@pytest.mark.parametrize("encoding", TEXTS)
def test_a_few_lines_of_each_language_are_read_as_they_were_written(tmp_path, encoding):
    path = saved(tmp_path, table(TEXTS[encoding]).encode(encoding))
    assert detect(path) == encoding
    assert read_table(path)["text"].to_list() == TEXTS[encoding].splitlines()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("text", ["plain", "José, 北京, 😀", "一" * 50])
def test_unicode_in_every_form(tmp_path, encoding, text):
    path = saved(tmp_path, table(text).encode(encoding))
    assert detect(path) == {"utf-8-sig": "utf-8", "utf-16": "utf-16-le"}.get(encoding, encoding)
    assert read_table(path)["text"].to_list() == [text]


@pytest.mark.parametrize("word", ["é", "ÿ", "naïve", "“quoted”", "5 €", "Zoë"])
def test_too_few_bytes_to_tell_are_windows_1252(tmp_path, word):
    path = saved(tmp_path, f"a,b\n1,{word}\n2,{word}\n".encode("cp1252"))
    assert detect(path) == "windows-1252"
    assert read_table(path)["b"].to_list() == [word, word]


def test_one_accent_far_down_decides(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 1000)
    path = saved(tmp_path, b"a,b\n" + b"1,plain\n" * 20_000 + "2,Málaga\n".encode("cp1252") + b"3,plain\n")
    assert detect(path) == "windows-1252"
    assert read_table(path)["b"][20_000] == "Málaga"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb18030", "cp932"])
def test_characters_may_straddle_blocks(tmp_path, monkeypatch, encoding):
    text = "今日はいい天気です東京" * 300 + "\n"
    path = saved(tmp_path, table(text).encode(encoding))
    for block in (997, 998, 999):
        monkeypatch.setattr(module, "BLOCK", block)
        with utf8_copy(path, encoding.replace("utf-16", "utf-16-le"), 1 << 20) as copy:
            assert copy.read_text("utf-8").removeprefix("\ufeff") == table(text)
    if encoding.startswith("utf"):
        assert read_table(path)["text"].to_list() == text.splitlines()


def test_every_legacy_encoding_is_one_python_knows():
    assert all("é".encode(name, errors="replace") for name in LEGACY.values())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,b\n1,x\n2,\x81\n", "Line 3 is not UTF-8 text"),
        (b"\xef\xbb\xbfa,b\n1,x\n2,\xe9\n", "Line 3 is not UTF-8 text"),
        (
            b"a,b\n" + "1,é\n2,ü\n3,ñ\n".encode() * 9 + "4,é\n".encode("cp1252"),
            "Line 29 is not UTF-8",
        ),
        ("a,b\n1,x\n2,y\n".encode("utf-16")[:-1], "Line 3 is not UTF-16-LE text"),
        ("a,b\n1,x\n2,".encode("utf-16") + b"\x3d\xd8", "Line 3 is not UTF-16-LE text"),
        ("a,b\n1,x\n2,".encode("utf-16") + b"\x00\xdc\n\0", "Line 3 is not UTF-16-LE text"),
        ("a,b\n1,x\n2,y\0\n".encode("utf-16"), "Line 3 holds a NUL"),
        ("a,b\n1,x\n2\n".encode("utf-16"), "Row 3 has 1 values"),
        ('a;b\n1;é\n2;5" ü\n'.encode("cp1252"), "Line 3 has a quotation mark"),
        ('a;b\n1;é\n2;"ü\n'.encode("cp1252"), "quotation mark on line 3 is never closed"),
        ("a,b\n1,é\n".encode("utf-32"), "UTF-32"),
        ("a,b\r1,é\r".encode("cp1252"), "old Macs"),
        (b"\xff\xfe", "is empty"),
        (bytes(range(256)) * 40, "NUL"),
    ],
)
def test_what_cannot_be_read_names_its_line(tmp_path, content, message):
    with pytest.raises(TableError, match=message):
        read_table(saved(tmp_path, content))


def test_lines_are_counted_over_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 101)
    rows = "1,é\n" * 200
    with pytest.raises(TableError, match="Line 202 is not UTF-16-BE text"):
        read_table(saved(tmp_path, b"\xfe\xff" + f"a,b\n{rows}".encode("utf-16-be") + b"\xdc\x00\0\n"))
    with pytest.raises(TableError, match="Line 202 is not UTF-8 text"):
        read_table(saved(tmp_path, f"a,b\n{rows}".encode() + b"2,\xe9\n"))
    with pytest.raises(TableError, match="Row 202 has 3 values"):
        read_table(saved(tmp_path, f"a,b\n{rows}1,2,3\n".encode("cp1252")))


def test_a_file_that_grows_too_long_in_utf8_is_refused(tmp_path):
    path = saved(tmp_path, ("a\n" + "éà\n" * 300).encode("cp1252"))
    assert read_table(path, max_bytes=1502).height == 300
    with pytest.raises(TableError, match="In UTF-8 the file takes more than"):
        read_table(path, max_bytes=1501)


def test_a_file_in_utf8_is_not_copied(tmp_path):
    path = saved(tmp_path, "a\né\n".encode())
    with utf8_copy(path, "utf-8", 1) as same:
        assert same == path


def test_the_frame_is_the_same_in_every_encoding(tmp_path):
    frame = pl.DataFrame({"n": [1.0, 2.0], "text": ["José; «Málaga»", "two\nlines"]})
    for encoding in ("utf-8", "utf-16", "cp1252", "iso-8859-1"):
        for separator in ",;\t|":
            content = frame.write_csv(separator=separator).encode(encoding)
            assert read_table(saved(tmp_path, content)).equals(frame)
