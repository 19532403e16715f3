"""The public sample as a file: the visible columns, then what is true and what the model said; of speech also
how many words of each row are wrong, and how many were said."""

import io

import polars as pl

from fairness.tables import sample_columns

from .models import Bounty
from .parts import FEATURES, TRUTH, sample_part

CONTENT_TYPES = {"csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet"}


def etag(bounty: Bounty, format_name: str) -> str:
    """Both stored files' hashes and the format: the data never changes once a bounty is open."""
    stored = bounty.parts["sample"]
    return f'"{stored[FEATURES]["sha256"][:16]}{stored[TRUTH]["sha256"][:16]}-{format_name}"'


def sample_file(bounty: Bounty, format_name: str) -> bytes:
    """Text cells are written as they are, so that a rule made on the file means the same on the server."""
    part = sample_part(bounty)
    truth = part.truth.select(sample_columns(bounty.measure))
    frame = part.features.hstack(truth.with_columns(pl.selectors.float().cast(pl.Int64)))
    buffer = io.BytesIO()
    if format_name == "parquet":
        frame.write_parquet(buffer)
    else:
        frame.write_csv(buffer)
    return buffer.getvalue()
