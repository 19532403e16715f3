"""p values corrected for how many were looked at: Holm and Benjamini-Hochberg."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fairness.rates import Floats


def holm(p_values: ArrayLike) -> Floats:
    """Holm's adjusted p values (Holm 1979): below a level with chance at most that level for any of them.

    The i-th smallest of m becomes the largest of (m - j + 1) p_j over j <= i, at most 1, whatever depends on
    what. float64 of the shape given, a p near 0 being strong evidence; NaN was not tested, stays NaN and does
    not count. Raises ValueError for a p outside 0..1.

    >>> holm([0.01, 0.04, float("nan"), 0.03]).round(3).tolist()
    [0.03, 0.06, nan, 0.06]
    """
    p, order = _ordered(p_values)
    scaled = p.flat[order] * np.arange(len(order), 0, -1)
    p.flat[order] = np.minimum(np.maximum.accumulate(scaled), 1)
    return p


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p values of Benjamini and Hochberg (1995): a level is the share expected wrong below it.

    The i-th smallest of m becomes the least of p_j m / j over j >= i; for tests that are independent or
    positively dependent. Shape, NaN and errors as `holm`.

    >>> benjamini_hochberg([0.01, 0.04, float("nan"), 0.03]).round(3).tolist()
    [0.03, 0.04, nan, 0.04]
    """
    p, order = _ordered(p_values)
    scaled = p.flat[order] * (len(order) / np.arange(1, len(order) + 1))
    p.flat[order] = np.minimum.accumulate(scaled[::-1])[::-1]
    return p


def _ordered(p_values: ArrayLike) -> tuple[Floats, NDArray[np.intp]]:
    """A copy of the p values, and the places of those that were tested from the smallest up."""
    p = np.array(p_values, dtype=np.float64)
    if np.any((p < 0) | (p > 1)):
        raise ValueError("A p value lies between 0 and 1.")
    order = np.argsort(p, axis=None, kind="stable")
    return p, order[: np.count_nonzero(~np.isnan(p))]
