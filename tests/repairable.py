"""A table whose model can be repaired."""

import numpy as np
import polars as pl


def repairable_table(rows: int = 4000, seed: int = 11) -> pl.DataFrame:
    """Decisions that are wrong for young renters, and mostly wrong for the old: constants do better there.

    The truth is yes for renters under 30 and no for people of 60 and more, in nine of ten.
    """
    random = np.random.default_rng(seed)
    age = random.integers(18, 80, rows)
    home = random.choice(["rent", "own"], rows)
    young, old = (age < 30) & (home == "rent"), age >= 60
    yes = random.random(rows) < np.select([young, old], [0.9, 0.1], 0.5)
    wrong = random.random(rows) < np.select([young, old], [0.6, 0.4], 0.08)
    return pl.DataFrame(
        {
            "age": age,
            "home": home,
            "sex": random.choice(["female", "male"], rows),
            # No two rows are alike, or they would be kept together with all their people.
            "income": random.lognormal(10, 0.5, rows),
            "approve": yes.astype(int),
            "predicted": (yes ^ wrong).astype(int),
        }
    )
