"""How much a better predictor gains, with an interval: for reading, not for proof."""

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri, stdtrit

from fairness.intervals import Interval
from fairness.rates import Floats


def gain_interval(drops: Floats, clusters: NDArray[np.int64] | None = None, level: float = 0.05) -> Interval:
    """Two-sided interval of the mean drop in loss over all rows, which misses with probability `level`.

    `drops` float64[n] is each row's loss before minus its loss after, 0 where nothing changed; `clusters`
    int64[n] names who rows belong to. For drops of -1, 0 and 1 without clusters it is the interval of Bonett
    and Price for two paired proportions (J. Educ. Behav. Stat. 2012): with p = (better + 1) / (n + 2) and
    q = (worse + 1) / (n + 2), p - q -+ z * sqrt((p + q - (p - q)^2) / (n + 2)). Otherwise the mean's
    linearised interval over clusters (or rows) with t. In units of the loss; 0 means that nothing is gained.
    NaN with fewer than two rows or clusters. Raises ValueError for a level outside 0..1.

    >>> interval = gain_interval(np.r_[np.ones(59), -np.ones(15), np.zeros(26)])
    >>> round(float(interval.low), 3), round(float(interval.high), 3)
    (0.286, 0.576)
    """
    if not 0 < level < 1:
        raise ValueError(f"A level lies between 0 and 1, not at {level}.")
    drops = np.asarray(drops, dtype=np.float64)
    n = len(drops)
    unknown = Interval(np.asarray(np.nan), np.asarray(np.nan))
    if n < 2:
        return unknown
    if clusters is None and bool(np.isin(drops, (-1, 0, 1)).all()):
        p, q = ((np.count_nonzero(drops == sign) + 1) / (n + 2) for sign in (1, -1))
        half = -ndtri(level / 2) * np.sqrt((p + q - (p - q) ** 2) / (n + 2))
        return Interval(np.asarray(p - q - half), np.asarray(p - q + half))
    codes = np.arange(n) if clusters is None else np.unique(clusters, return_inverse=True)[1]
    residuals = np.bincount(codes, weights=drops - drops.mean())
    count = len(residuals)
    if count < 2:
        return unknown
    spread = np.sqrt(count / (count - 1) * (residuals * residuals).sum()) / n
    half = -stdtrit(count - 1, level / 2) * spread
    return Interval(np.asarray(drops.mean() - half), np.asarray(drops.mean() + half))
