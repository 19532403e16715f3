import json
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import fairness
from fairness.cli import main
from fairness.verdict import Evidence, judge_find

ROOT = Path(fairness.__file__).parents[1]
ROWS = 1000
GROUP = np.arange(ROWS) < 101
EARLIER = np.arange(ROWS) < 40
ERRORS = ((np.arange(ROWS) % 3 == 0) & GROUP | (np.arange(ROWS) % 11 == 0)).astype(float)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    pl.DataFrame({"errors": ERRORS, "exposure": np.ones(ROWS)}).write_parquet(tmp_path / "truth.parquet")
    np.save(tmp_path / "mask.npy", GROUP)
    np.save(tmp_path / "earlier.npy", EARLIER)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def rescore(capsys, *arguments, truth="truth.parquet", mask="mask.npy", level="0.005"):
    status = main(["rescore", "--truth", truth, "--mask", mask, "--level", level, *arguments])
    return status, capsys.readouterr()


def test_a_stored_mask_gets_its_verdict_again(folder, capsys):
    status, printed = rescore(capsys, "--earlier", "earlier.npy", "earlier.npy", "--min-rows", "20")
    evidence = Evidence(ERRORS, np.ones(ROWS))
    expected = judge_find(evidence, GROUP, [EARLIER, EARLIER], 0.005, min_rows=20)
    assert status == 0
    assert json.loads(printed.out) == json.loads(json.dumps(asdict(expected)))
    assert json.loads(printed.out)["parts"][0]["rows"] == 61


def test_every_form_of_a_mask_gives_the_same_verdict(folder, capsys):
    (folder / "mask.bin").write_bytes(np.packbits(GROUP).tobytes())
    (folder / "mask.csv").write_text("\n".join(map(str, GROUP.astype(int))) + "\n")
    (folder / "named.csv").write_text("in_group\n" + "\n".join(map(str, GROUP)) + "\n")
    np.save(folder / "whole.npy", GROUP.astype(np.uint8))
    verdicts = {
        rescore(capsys, mask=name)[1].out
        for name in ("mask.npy", "mask.bin", "mask.csv", "named.csv", "whole.npy")
    }
    assert len(verdicts) == 1
    assert json.loads(verdicts.pop())["code"] == "accepted"


def test_clusters_and_weights_are_read_by_number_or_by_name(folder, capsys):
    speaker, weight = np.arange(ROWS) // 5, 1 + np.arange(ROWS) % 2 / 2
    frame = pl.DataFrame({"errors": ERRORS, "exposure": np.ones(ROWS), "cluster": speaker, "weight": weight})
    frame.write_parquet("numbers.parquet")
    frame.with_columns("s" + pl.col("cluster").cast(pl.String)).write_csv("names.csv")
    expected = judge_find(Evidence(ERRORS, np.ones(ROWS), speaker, weight), GROUP, [], 0.005)
    for truth in ("numbers.parquet", "names.csv"):
        verdict = json.loads(rescore(capsys, truth=truth)[1].out)
        assert verdict["points"] == pytest.approx(expected.points, rel=1e-9)
        assert verdict["parts"][0]["clusters"] == 21


def test_it_runs_as_a_module(folder):
    command = [sys.executable, "-m", "fairness", "rescore", "--truth", folder / "truth.parquet"]
    command += ["--mask", folder / "mask.npy", "--level", "0.005"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=True)
    assert json.loads(done.stdout)["accepted"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"truth": "no.parquet"}, "no.parquet: The file cannot be opened"),
        ({"truth": "mask.npy"}, "mask.npy: "),
        ({"truth": "bare.csv"}, "bare.csv: there is no column exposure"),
        ({"truth": "gap.csv"}, "gap.csv: column errors has missing values"),
        ({"truth": "text.csv"}, "text.csv: column errors holds something other than numbers"),
        ({"truth": "minus.csv"}, "minus.csv: errors holds a negative"),
        ({"mask": "no.npy"}, "no.npy: the file cannot be opened"),
        ({"mask": "mask.txt"}, "mask.txt: a mask is a file that ends in .npy, .bin, .csv"),
        ({"mask": "fake.npy"}, "fake.npy: this is no NumPy file"),
        ({"mask": "short.npy"}, "short.npy: the mask has 3 rows and the errors have 1000"),
        ({"mask": "square.npy"}, "square.npy: a mask is one column"),
        ({"mask": "twos.npy"}, "twos.npy: a mask holds 0 and 1"),
        ({"mask": "short.bin"}, "short.bin: 2 bytes do not hold 1000 packed rows"),
        ({"mask": "bad.csv"}, "bad.csv: row 2 is neither 0 nor 1: maybe"),
        ({"level": "5"}, "level lies between 0 and 1"),
    ],
)
def test_bad_input_ends_in_one_line_and_status_2(folder, capsys, change, says):
    texts = {
        "bare.csv": "errors\n1\n",
        "gap.csv": "errors,exposure\n1,1\n,1\n",
        "text.csv": "errors,exposure\none,1\ntwo,1\n",
        "minus.csv": "errors,exposure\n-1,1\n0,1\n",
        "fake.npy": "not an array",
        "short.bin": "ab",
        "bad.csv": "1\nmaybe\n",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    np.save(folder / "short.npy", GROUP[:3])
    np.save(folder / "square.npy", GROUP.reshape(10, -1))
    np.save(folder / "twos.npy", GROUP * 2)
    status, printed = rescore(capsys, **change)
    assert status == 2
    assert printed.out == ""
    assert printed.err.startswith("rescore: ")
    assert says in printed.err
    assert printed.err.count("\n") == 1


@pytest.fixture
def applications(folder):
    """400 who paid, 400 who did not; refused are half the women of Bath who paid and a tenth of others."""
    sex, city, place = np.tile(["f", "m"], 400), np.tile(np.repeat(["Bath", "York"], 200), 2), np.arange(800)
    paid = (place < 400).astype(int)
    wrong = np.where((sex == "f") & (city == "Bath"), place % 4 == 0, place % 20 < 2)
    frame = pl.DataFrame(
        {"sex": sex, "city": city, "paid": paid, "granted": paid * ~wrong, "applicant": place}
    )
    frame.write_csv("loans.csv")
    return ["slices", "loans.csv", "--label", "paid", "--prediction", "granted", "--columns", "sex", "city"]


def test_slices_are_printed_as_a_table_and_as_json(applications, capsys):
    assert main(applications) == 0
    heading, best, *_ = capsys.readouterr().out.splitlines()
    assert heading.split() == ["rows", "rate", "rest", "gap", "weight", "rule"]
    assert best.split(maxsplit=5) == [
        "200",
        "25.00%",
        "5.00%",
        "20.00%",
        "25.00%",
        "city = 'Bath' AND sex = 'f'",
    ]
    assert main([*applications, "--json", "--depth", "1", "--top", "1"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert len(found["conditions"]) == 1


def test_slices_of_a_one_sided_measure_count_its_exposure_only(applications, capsys):
    measure = ["--measure", "false_rejection", "--favourable", "1", "--json", "--top", "1"]
    assert main([*applications, *measure]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["exposure"], found["rate"]) == (100, 0.5)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (["--label", "owed"], "owed"),
        (["--columns", "sex", "paid"], "paid"),
        (["--measure", "false_rejection"], "favourable"),
        (["--depth", "0"], "depth"),
    ],
)
def test_a_search_that_cannot_be_made_says_why(applications, capsys, change, says):
    assert main([*applications, *change]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert (printed.out, printed.err.count("\n")) == ("", 1)


def test_an_unknown_command_is_refused(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["guess"])
    assert "invalid choice: 'guess'" in capsys.readouterr().err
