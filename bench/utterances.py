"""A file of made-up recogniser output, of the size and unevenness of real ones, for the benchmark of reports.

Words are drawn from 20,000 by their rank. Speakers differ in how much they say and in how often they are
misheard: about 15 % of words, by a coefficient of variation of 0.5, more in some accents and in noise.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

SPEAKERS, LENGTH, VOCABULARY, WRONG = 5000, 12, 20_000, 0.15
SUBSTITUTED, DELETED = 0.7, 0.2  # of all errors; the others are insertions
AT_ONCE = 100_000
ROLES = {
    "utterance": "utterance_id",
    "speaker": "speaker",
    "accent": "group",
    "gender": "group",
    "age": "group",
    "first_language": "group",
    "noise": "condition",
    "duration": "duration",
    "reference": "reference",
    "hypothesis": "hypothesis",
}
AGES = ("teens", "twenties", "thirties", "forties", "fifties", "sixties and over", None)
LANGUAGES = (
    "Arabic",
    "Bengali",
    "English",
    "French",
    "Hindi",
    "Mandarin",
    "Spanish",
    "Tamil",
    "Yoruba",
    None,
)
LETTERS = (list("tnshrdlcmwfgpbk"), list("aeiou"))  # in turn


def write(path: Path, rows: int) -> None:
    """A CSV file of `rows` utterances, the same bytes every time."""
    with path.open("wb") as file:
        for number, part in enumerate(utterances(rows)):
            part.write_csv(file, include_header=number == 0)


def utterances(rows: int) -> Iterator[pl.DataFrame]:
    rng = np.random.default_rng(2)
    words, people, wrong, says = vocabulary(rng), *speakers(rng)
    often = np.cumsum(1 / (np.arange(VOCABULARY) + 2.7))
    for start in range(0, rows, AT_ONCE):
        n = min(AT_ONCE, rows - start)
        who = np.searchsorted(says, rng.random(n) * says[-1])
        noisy = rng.random(n) < 0.3
        rate = np.minimum(wrong[who] * np.where(noisy, 1.4, 0.83), 0.95)
        said, other = (np.searchsorted(often, rng.random((n, LENGTH)) * often[-1]) for _ in range(2))
        facts = pl.DataFrame(
            {
                "utterance": pl.Series(np.arange(start, start + n)).cast(pl.String),
                "noise": pl.Series(["clean", "noisy"]).gather(noisy.astype(np.int64)),
                "duration": np.round(rng.gamma(9, 0.5, n) + 0.5, 2),
            }
        )
        yield pl.concat(
            [people[who], facts, spoken(rng, words, said, other, rate[:, None])], how="horizontal"
        ).select(ROLES.keys())


def vocabulary(rng: np.random.Generator) -> pl.Series:
    """Words of 2 to 9 letters, the commonest first and short."""
    found: dict[str, None] = {}
    while len(found) < VOCABULARY:
        letters = [rng.choice(LETTERS[place % 2]) for place in range(rng.integers(2, 10))]
        found["".join(letters)] = None
    return pl.Series(sorted(found, key=lambda word: len(word) + 3 * rng.random()))


def speakers(rng: np.random.Generator) -> tuple[pl.DataFrame, NDArray, NDArray]:
    """Who they are, the share of their words that goes wrong, and how much all up to each one say."""
    accents = pl.Series([f"accent {place:02}" for place in range(20)])
    share = 1 / (np.arange(20) + 4.0)
    accent = rng.choice(20, SPEAKERS, p=share / share.sum())
    gender = rng.choice(4, SPEAKERS, p=[0.47, 0.47, 0.02, 0.04])
    people = pl.DataFrame(
        {
            "speaker": [f"speaker {place:04}" for place in range(SPEAKERS)],
            "accent": accents.gather(accent),
            "gender": pl.Series(["female", "male", "nonbinary", None]).gather(gender),
            "age": pl.Series(AGES).gather(rng.integers(0, len(AGES), SPEAKERS)),
            "first_language": pl.Series(LANGUAGES).gather(rng.integers(0, len(LANGUAGES), SPEAKERS)),
        }
    )
    harder = np.linspace(0.7, 1.6, 20)[rng.permutation(20)]
    wrong = rng.gamma(4, WRONG / 4, SPEAKERS) * harder[accent] / (share @ harder / share.sum())
    return people, wrong, np.cumsum(rng.lognormal(0, 0.8, SPEAKERS))


def spoken(
    rng: np.random.Generator, words: pl.Series, said: NDArray, other: NDArray, rate: NDArray
) -> pl.DataFrame:
    """Sentences, and what a recogniser made of them without capitals and stops."""
    chance = rng.random(said.shape)
    substituted = chance < rate * SUBSTITUTED
    deleted = ~substituted & (chance < rate * (SUBSTITUTED + DELETED))
    inserted = rng.random(said.shape) < rate * (1 - SUBSTITUTED - DELETED)
    heard = np.where(substituted, other, said)
    columns = []
    for place in range(said.shape[1]):
        columns += [
            pl.Series(f"{place}", words.gather(heard[:, place])).set(pl.Series(deleted[:, place]), None),
            pl.Series(f"{place} more", words.gather(other[:, place - 1])).set(
                pl.Series(~inserted[:, place]), None
            ),
        ]
    sentence = pl.DataFrame(
        [words.gather(said[:, place]).alias(f"{place}") for place in range(said.shape[1])]
    )
    text = sentence.select(pl.concat_str(pl.all(), separator=" ")).to_series()
    return pl.DataFrame(
        {
            "reference": text.str.slice(0, 1).str.to_uppercase() + text.str.slice(1) + ".",
            "hypothesis": pl.DataFrame(columns)
            .select(pl.concat_str(pl.all(), separator=" ", ignore_nulls=True))
            .to_series(),
        }
    )
