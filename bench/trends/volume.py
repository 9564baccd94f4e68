"""T1: labelled bursts in counts of tweets, by the Numenta Anomaly Benchmark's own scoring.

Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms" (2015), standard profile; written anew from
the paper and checked on the detectors' published results, which come with the data. All constants are chosen on
five of the series and judged on the other five, and the reverse. The published detectors' thresholds are the best
for all ten series at once.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from huntaze_trends.bursts import alarms, running_scores
from huntaze_trends.columns import Flags, Floats

from bench.trends.sources import Repository, repository, rows

HALVES = (("AAPL", "CRM", "FB", "IBM", "PFE"), ("AMZN", "CVS", "GOOG", "KO", "UPS"))
FALSE_ALARM, MISS = 0.11, 1.0
PROBATION, MOST_PROBATION = 0.15, 750
DAY = 288
"""Five-minute counts."""
HALF_LIVES, FLOORS = (3 * DAY, 7 * DAY, 14 * DAY), (0.5, 1.0)
QUIETS, RISES = (DAY, DAY * 3 // 2), (1.3, 1.6, 2.0)
THRESHOLDS = tuple(np.arange(3.0, 9.01, 0.5).tolist())
Windows = Sequence[tuple[int, int]]


Alarms = Mapping[str, Flags]


def run(data: Path) -> dict[str, dict[str, Any]]:
    """Score our alarms with constants from the other half; and, as a check of the scoring, published detectors."""
    nab = repository("numenta/NAB", data)
    series = load(nab)
    windows = {name: marked for name, (_, marked) in series.items()}
    tried = candidates({name: counts for name, (counts, _) in series.items()})
    halves = [{name: windows[name] for name in half} for half in HALVES]
    best = [max(tried, key=lambda constants: nab_score(tried[constants], half)) for half in halves]
    judged = {name: tried[best[1 - n]][name] for n, half in enumerate(HALVES) for name in half}
    figures: dict[str, dict[str, Any]] = {
        "ours": {
            "constants_of_the_other_half": nab_score(judged, windows),
            "first_half_by_second": nab_score(judged, halves[0]),
            "second_half_by_first": nab_score(judged, halves[1]),
            "all_with_constants_of_first_half": nab_score(tried[best[0]], windows),
            "constants_of_first_half": dict(zip(CONSTANTS, best[0], strict=True)),
            "constants_of_second_half": dict(zip(CONSTANTS, best[1], strict=True)),
        }
    }
    for detector in ("twitterADVec", "contextOSE", "windowedGaussian"):
        published = {name: _published(nab, detector, name) for name in windows}
        scores = np.unique(np.concatenate(list(published.values())))[-400:].tolist()
        fired = [{name: p >= threshold for name, p in published.items()} for threshold in scores]
        at = max(fired, key=lambda flags: nab_score(flags, windows))
        figures[detector] = {"all_best_threshold": nab_score(at, windows)}
        figures[detector] |= {f"half_{n + 1}": nab_score(at, half) for n, half in enumerate(halves)}
    return figures


CONSTANTS = ("half_life", "floor", "quiet", "rise", "threshold")


def candidates(values: Mapping[str, Floats]) -> dict[tuple[float, ...], Alarms]:
    """Return the alarms for every choice of constants."""
    tried: dict[tuple[float, ...], Alarms] = {}
    for half_life, floor in product(HALF_LIVES, FLOORS):
        scores = {
            n: running_scores(v[None, :], half_life=half_life, floor=floor)[0] for n, v in values.items()
        }
        for quiet, rise, threshold in product(QUIETS, RISES, THRESHOLDS):
            tried[half_life, floor, quiet, rise, threshold] = {
                name: alarms(scores[name], values[name], threshold=threshold, quiet=quiet, rise=rise)
                for name in values
            }
    return tried


def load(nab: Repository) -> dict[str, tuple[Floats, Windows]]:
    """Return each series' counts, and its labelled windows as first and last index."""
    labels = json.loads(nab.read("labels/combined_windows.json"))
    series: dict[str, tuple[Floats, Windows]] = {}
    for path in nab.names("data/realTweets"):
        points = list(rows(nab.read(path)))
        times = [datetime.fromisoformat(point["timestamp"]) for point in points]
        marked: list[tuple[int, int]] = []
        for begin, end in labels[path.removeprefix("data/")]:
            inside = [
                i
                for i, t in enumerate(times)
                if datetime.fromisoformat(begin) <= t <= datetime.fromisoformat(end)
            ]
            marked.append((inside[0], inside[-1]))
        name = path.rpartition("_")[2].removesuffix(".csv")
        series[name] = (np.array([float(point["value"]) for point in points]), marked)
    return series


def nab_score(fired: Mapping[str, Flags], windows: Mapping[str, Windows]) -> float:
    """Return the score: 0 for no alarm at all, 100 for one at the start of every window and none elsewhere."""
    count = sum(map(len, windows.values()))
    raw = sum(_raw_score(fired[name], marked) for name, marked in windows.items())
    return 100 * (raw + MISS * count) / (count + MISS * count)


def _raw_score(fired: Flags, windows: Windows) -> float:
    probation = min(int(PROBATION * len(fired)), MOST_PROBATION)
    hits: dict[int, float] = {}
    score = 0.0
    for time in np.flatnonzero(fired).tolist():
        if time < probation:
            continue
        inside = next((n for n, (first, last) in enumerate(windows) if first <= time <= last), None)
        if inside is not None:
            first, last = windows[inside]
            position = -(last - time + 1) / (last - first + 1)
            hits[inside] = max(hits.get(inside, -1.0), _sigmoid(position) / _sigmoid(-1.0))
            continue
        before = [(first, last) for first, last in windows if last < time]
        if before:
            first, last = before[-1]
            score += FALSE_ALARM * _sigmoid((time - last) / max(1, last - first))
        else:
            score -= FALSE_ALARM
    return score + sum(hits.values()) - MISS * (len(windows) - len(hits))


def _sigmoid(position: float) -> float:
    return -1.0 if position > 3 else 2 / (1 + math.exp(5 * position)) - 1


def _published(nab: Repository, detector: str, name: str) -> Floats:
    text = nab.read(f"results/{detector}/realTweets/{detector}_Twitter_volume_{name}.csv")
    return np.array([float(row["anomaly_score"]) for row in rows(text)])
