"""How often a group's 95 % interval holds the word error rate it was drawn from, and how wide it is.

    python -m bench.coverage [--groups 4000] [--seed 1] [--speakers 10 30 100 200 1000] [--json FILE]

Each simulated group has its own speakers: 5 to 40 utterances of 6 to 18 words, a rate of their own, and
utterances that vary about it. Beside the coverage stand the shares of groups whose true rate lies below and
above the interval (2.5 % each, if all were well), and the median width.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from fairness.bootstrap import draw_clusters, studentised_interval
from fairness.clustered import cluster_interval
from fairness.intervals import Interval

Floats = NDArray[np.float64]

GROUPS_AT_ONCE = 1000
UTTERANCES, WORDS = (5, 40), (6, 18)


@dataclass(frozen=True)
class Setting:
    """How speakers' rates are spread: their mean, their coefficient of variation and the shape."""

    name: str
    variation: float
    rate: float = 0.15
    shape: str = "gamma"


SETTINGS = (
    Setting("15 %, varying by 0.3", 0.3),
    Setting("15 %, varying by 0.6", 0.6),
    Setting("15 %, varying by 1.0", 1.0),
    Setting("15 %, varying by 1.0, lognormal", 1.0, shape="lognormal"),
    Setting("0.05 %, varying by 0.6", 0.6, rate=0.0005),
)
SPEAKERS = (10, 30, 100, 200, 1000)


@dataclass(frozen=True)
class Coverage:
    """Shares of simulated groups: interval holds the true rate, lies above it, or below it; and its width."""

    setting: str
    speakers: int
    method: str
    groups: int
    covered: float
    too_high: float
    too_low: float
    width: float


def draw_speakers(
    setting: Setting, speakers: int, groups: int, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Errors and words of every speaker, [groups, speakers]; there may be more errors than words."""
    shape = (groups, speakers)
    utterances = rng.integers(UTTERANCES[0], UTTERANCES[1] + 1, shape)
    words = np.zeros(shape)
    for place in range(UTTERANCES[1]):
        words += (place < utterances) * rng.integers(WORDS[0], WORDS[1] + 1, shape)
    if setting.shape == "gamma":
        rates = rng.gamma(setting.variation**-2, setting.rate * setting.variation**2, shape)
    else:
        sigma = np.log1p(setting.variation**2) ** 0.5
        rates = setting.rate * np.exp(rng.normal(-(sigma**2) / 2, sigma, shape))
    # Utterances vary about their speaker's rate by a coefficient of 0.7.
    hardness = rng.gamma(2 * utterances, 1 / (2 * utterances))
    return rng.poisson(rates * hardness * words).astype(float), words


def studentised(errors: Floats, words: Floats) -> Interval:
    groups, speakers = errors.shape
    codes = np.repeat(np.arange(groups), speakers)
    return studentised_interval(errors.ravel(), words.ravel(), codes, groups)


def percentile(errors: Floats, words: Floats) -> Interval:
    """The plain bootstrap: quantiles of the rates of the replicates."""
    draws = draw_clusters(errors.shape[1], replicates=1000, random_state=0)
    low, high = np.quantile((draws @ errors.T) / (draws @ words.T), [0.025, 0.975], axis=0)
    return Interval(low, high)


METHODS = {"studentised": studentised, "percentile": percentile, "linearised t": cluster_interval}


def measure(
    setting: Setting, speakers: int, groups: int, seed: int, methods: Sequence[str] = tuple(METHODS)
) -> list[Coverage]:
    """Coverage and width of each method on the same simulated groups."""
    rng = np.random.default_rng([seed, speakers, SETTINGS.index(setting)])
    ends: dict[str, list[Interval]] = {method: [] for method in methods}
    for start in range(0, groups, GROUPS_AT_ONCE):
        errors, words = draw_speakers(setting, speakers, min(GROUPS_AT_ONCE, groups - start), rng)
        for method in methods:
            ends[method].append(METHODS[method](errors, words))
    return [_summarise(setting, speakers, method, found) for method, found in ends.items()]


def _summarise(setting: Setting, speakers: int, method: str, found: list[Interval]) -> Coverage:
    low = np.concatenate([interval.low for interval in found])
    high = np.concatenate([interval.high for interval in found])
    too_high, too_low = low > setting.rate, high < setting.rate
    covered = (low <= setting.rate) & (setting.rate <= high)
    shares = (float(part.mean()) for part in (covered, too_high, too_low))
    return Coverage(setting.name, speakers, method, len(low), *shares, float(np.median(high - low)))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--groups", type=int, default=4000, help="simulated groups a line")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--speakers", type=int, nargs="+", default=SPEAKERS)
    parser.add_argument("--json", type=Path, help="also write the numbers to this file")
    options = parser.parse_args()
    print(f"{options.groups:,} simulated groups a line: a coverage of 95 % has a standard error of", end=" ")
    print(f"{100 * (0.95 * 0.05 / options.groups) ** 0.5:.2f} points")
    heads = f"{'covers':>8}{'below':>8}{'above':>8}{'width':>10}"
    print(f"{'rates of speakers':33}{'speakers':>9}  {'method':13}{heads}")
    rows = []
    for setting in SETTINGS:
        for speakers in options.speakers:
            for row in measure(setting, speakers, options.groups, options.seed):
                rows.append(row)
                shares = f"{row.covered:8.1%}{row.too_high:8.1%}{row.too_low:8.1%}{row.width:10.5f}"
                print(f"{row.setting:33}{row.speakers:9}  {row.method:13}{shares}", flush=True)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=1))


if __name__ == "__main__":
    main()
