"""Speech: what was said against what systems wrote. Word errors over reference words, and what follows from
them.
"""

from collections.abc import Mapping
from functools import partial

import numpy as np
import polars as pl

from fairness.columns import ROW, TableError, first_row, shown
from fairness.kinds.base import (
    CONDITION,
    GROUP,
    MOST_SYSTEMS,
    Counted,
    Kind,
    Metric,
    Progress,
    Role,
    Roles,
    Settings,
)
from fairness.normalise import NORMALISERS, normalise, version
from fairness.tables import not_numbers
from fairness.wer import ALIGNER, count_characters, count_words

CHUNK = 50_000
COUNT_ROLES = ("words", "substitutions", "deletions", "insertions")

ROLES = (
    Role(
        "reference",
        "Reference: what was said",
        "The transcript by people.",
        text=True,
        usual=("reference", "ref", "transcript", "text", "sentence", "said", "target", "ground_truth"),
    ),
    Role(
        "hypothesis",
        "Hypothesis: what the system wrote",
        "One column for each system.",
        most=MOST_SYSTEMS,
        text=True,
        usual=("hypothesis", "hyp", "prediction", "predicted", "recognised", "recognized", "output", "asr"),
        prefixes=("hyp_", "hypothesis_", "asr_", "pred_", "system_"),
    ),
    Role(
        "speaker",
        "Speaker",
        "Whose rows belong together.",
        usual=(
            "speaker",
            "speaker_id",
            "spk",
            "spk_id",
            "client_id",
            "person",
            "person_id",
            "user_id",
            "participant",
        ),
    ),
    GROUP,
    CONDITION,
    Role(
        "utterance_id",
        "Utterance",
        "A name for each row, no two alike.",
        usual=(
            "utterance_id",
            "utterance",
            "utt_id",
            "utt",
            "id",
            "clip",
            "clip_id",
            "path",
            "file",
            "filename",
        ),
    ),
    Role("duration", "Duration", "Seconds.", usual=("duration", "seconds", "duration_s", "length_s", "dur")),
    Role("sample_weight", "Weight", "How much a row counts.", usual=("weight", "weights", "sample_weight")),
    Role(
        "words",
        "Words said",
        "A count, where there are no texts.",
        usual=("words", "n_words", "reference_words"),
    ),
    Role("substitutions", "Substitutions", "A count.", usual=("substitutions", "sub", "subs", "s")),
    Role("deletions", "Deletions", "A count.", usual=("deletions", "del", "dels", "d")),
    Role("insertions", "Insertions", "A count.", usual=("insertions", "ins", "i")),
)

S, D, I, N = (pl.col(name) for name in ("substitutions", "deletions", "insertions", "words"))  # noqa: E741
HITS, WRITTEN = N - S - D, N - D + I
ERRORS = S + D + I

WORD_METRICS = (
    Metric(
        "wer", "Word error rate", "WER", "(S + D + I) / N",
        "Words wrong, left out or added, for each word said. It can exceed 100 %.",
        "reference words", ERRORS, N,
    ),
    Metric(
        "substitution_rate", "Substitution rate", "Substitutions", "S / N",
        "Words written as another word, for each word said.", "reference words", S, N,
    ),
    Metric(
        "deletion_rate", "Deletion rate", "Deletions", "D / N",
        "Words left out, for each word said.", "reference words", D, N,
    ),
    Metric(
        "insertion_rate", "Insertion rate", "Insertions", "I / N",
        "Words added, for each word said.", "reference words", I, N,
    ),
    Metric(
        "mer", "Match error rate", "MER", "(S + D + I) / (N + I)",
        "Share of aligned places that are wrong; never above 100 %.", "aligned places", ERRORS, N + I,
    ),
    Metric(
        "wil", "Word information lost", "WIL", "1 - H² / (N · M)",
        "One minus the product of recall and precision.", "reference words", HITS, N,
        product_of=("word_recall", "word_precision"),
    ),
    Metric(
        "word_recall", "Word recall", "Recall", "H / N",
        "Share of the words said that were written.", "reference words", HITS, N, higher_is_better=True,
    ),
    Metric(
        "word_precision", "Word precision", "Precision", "H / M",
        "Share of the words written that were said.", "written words", HITS, WRITTEN, higher_is_better=True,
    ),
    Metric(
        "word_f1", "Word F1", "F1", "2 H / (N + M)",
        "Harmonic mean of recall and precision of words.", "said and written words", 2 * HITS, N + WRITTEN,
        higher_is_better=True,
    ),
)  # fmt: skip
CER = Metric(
    "cer", "Character error rate", "CER", "character edits / characters",
    "Characters wrong, left out or added, for each character of the reference, spaces included.",
    "reference characters", pl.col("edits"), pl.col("characters"),
)  # fmt: skip
METRICS = (WORD_METRICS[0], CER, *WORD_METRICS[1:])


def count(frame: pl.DataFrame, roles: Roles, settings: Settings, progress: Progress) -> Counted:
    """Align every utterance of every system, or take the counts that the file holds.

    Raises TableError where a role is missing, a reference column has no words, or a count is none.
    """
    given = [role for role in COUNT_ROLES if roles.one(role)]
    reference, systems = roles.one("reference"), roles.columns("hypothesis")
    if given and (reference or systems):
        raise TableError("Give either the texts (reference and hypothesis) or the counts of words, not both.")
    if given:
        return _counted(frame, roles, given)
    if reference is None or not systems:
        missing = "reference" if reference is None else "hypothesis"
        raise TableError(
            f"No column is the {missing}. Say which column holds what was said and which what a system "
            "wrote, or give the counts words, substitutions, deletions and insertions."
        )
    said = normalise(frame.get_column(reference), settings.normalise).alias("reference")
    if not (said != "").any():
        raise TableError(f"Column {shown(reference)} holds no words, so nothing can be counted against it.")
    texts, words, counts = {"reference": frame.get_column(reference).fill_null("")}, {"reference": said}, []
    references = said.to_list()
    for place, system in enumerate(systems):
        written = normalise(frame.get_column(system), settings.normalise)
        counts.append(_align(references, written.to_list(), partial(_part, progress, place, len(systems))))
        words[f"hypothesis:{place}"] = written
        texts[f"hypothesis:{place}"] = frame.get_column(system).fill_null("")
    facts = {"normaliser": version(settings.normalise), "aligner": ALIGNER}
    return Counted(systems, METRICS, tuple(counts), pl.DataFrame(texts), pl.DataFrame(words), facts)


def _part(progress: Progress, place: int, of: int, share: float) -> None:
    progress((place + share) / of)


def _align(references: list[str], written: list[str], progress: Progress) -> pl.DataFrame:
    parts = []
    for start in range(0, len(references), CHUNK):
        said, heard = references[start : start + CHUNK], written[start : start + CHUNK]
        words, characters = count_words(said, heard), count_characters(said, heard)
        parts.append(
            pl.DataFrame(
                {
                    "substitutions": words.substitutions,
                    "deletions": words.deletions,
                    "insertions": words.insertions,
                    "words": words.words,
                    "edits": characters.edits,
                    "characters": characters.characters,
                },
                schema=dict.fromkeys((*COUNT_ROLES[1:], "words", "edits", "characters"), pl.Int32),
            )
        )
        progress(min(1.0, (start + CHUNK) / len(references)))
    return pl.concat(parts)


def _counted(frame: pl.DataFrame, roles: Roles, given: list[str]) -> Counted:
    if missing := [role for role in COUNT_ROLES if role not in given]:
        raise TableError(f"Counts need four columns; there is none for {' and '.join(missing)}.")
    columns: Mapping[str, pl.Series] = {
        role: _whole(frame.get_column(name)) for role in COUNT_ROLES if (name := roles.one(role))
    }
    counts = pl.DataFrame({role: column.cast(pl.Int32) for role, column in columns.items()})
    wrong = first_row(counts["substitutions"] + counts["deletions"] > counts["words"])
    if wrong is not None:
        raise TableError(f"Row {ROW} has more substitutions and deletions than words.", wrong)
    if not counts["words"].sum():
        raise TableError("The words of every row are 0, so no rate can be counted.")
    facts = {"normaliser": "counts were given", "aligner": ""}
    return Counted(("system",), WORD_METRICS, (counts,), facts=facts)


def _whole(column: pl.Series) -> pl.Series:
    if not column.dtype.is_numeric():
        raise not_numbers("counts", column)
    wrong = column.is_null() | (column < 0) | (column % 1 != 0) | (column > np.iinfo(np.int32).max)
    row = first_row(wrong)
    if row is not None:
        value = column[row]
        found = "empty" if value is None else f"{value:g}"
        raise TableError(
            f"Row {ROW} of column {shown(column.name)} is {found}; counts are whole and not negative.", row
        )
    return column


SPEECH = Kind(
    key="speech",
    name="Speech recognition",
    summary="What was said and what systems wrote: word error rates by accent, dialect and group.",
    roles=ROLES,
    metrics=METRICS,
    cluster_role="speaker",
    row_word=("utterance", "utterances"),
    cluster_word=("speaker", "speakers"),
    aggregations=("pooled", "row_mean", "cluster_mean", "macro"),
    settings=("normalise",),
    parts=frozenset({"types", "words", "texts"}),
    count=count,
    id_role="utterance_id",
    output_roles=("hypothesis", *COUNT_ROLES[1:]),
    weight_role="sample_weight",
    duration_role="duration",
    type_metrics=("substitution_rate", "deletion_rate", "insertion_rate"),
    variants=("normalise", NORMALISERS),
)
