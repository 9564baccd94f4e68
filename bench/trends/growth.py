"""T3: views of real videos two days later, from one and from two snapshots; the service's own model.

Videos that were trending on YouTube, seen on days 0, 1 and 3. The model learns from one half of the videos and is
measured on the other, and the reverse.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from huntaze_trends.forecast import Growth, GrowthModel

from bench.trends.sources import repository, rows

_AGE_H = 36.0


def run(data: Path) -> dict[str, dict[str, float]]:
    """Measure each country."""
    return {country: measure(load(data, country)) for country in ("US", "GB")}


def load(data: Path, country: str) -> list[Growth]:
    """Return the videos with snapshots on days 0, 1 and 3 of their time in the list."""
    seen: dict[str, dict[int, int]] = defaultdict(dict)
    for row in rows(repository("NevenaSoldat/DataMining", data).read(f"{country}videos.csv")):
        day, _, month = (row["date"] or "").partition(".")
        if day.isdigit() and month.isdigit() and (row["views"] or "").isdigit():
            date = (int(month) - 9) * 30 + int(day)  # September and October of 2017
            seen[row["video_id"]][date] = max(int(row["views"]), seen[row["video_id"]].get(date, 0))
    examples: list[Growth] = []
    for video in sorted(seen):
        views, first = seen[video], min(seen[video])
        if {first + 1, first + 3} <= views.keys() and views[first] and views[first + 1]:
            examples.append(Growth(_AGE_H, views[first + 1], 48, views[first + 3], 24, views[first]))
    return examples


def measure(examples: Sequence[Growth]) -> dict[str, float]:
    """Return errors, cover of the interval, and how well growth so far tells who grows next."""
    figures: dict[str, float] = {"videos": len(examples)}
    halves = (examples[::2], examples[1::2])
    for name, two in (("one_snapshot", False), ("two_snapshots", True)):
        errors: list[float] = []
        covered: list[bool] = []
        for learnt, told in (halves, halves[::-1]):
            model = GrowthModel(learnt, hours=48)
            for each in told:
                forecast = model.forecast(
                    views=each.views,
                    age_h=each.age_h,
                    views_before=each.views_before if two else None,
                    hours_before=each.hours_before,
                )
                assert forecast is not None
                errors.append(abs(forecast.expected - each.later) / each.later)
                covered.append(forecast.low <= each.later <= forecast.high)
        figures[f"{name}_median_error"] = float(np.median(errors))
        figures[f"{name}_cover_of_80"] = float(np.mean(covered))
    figures["no_growth_median_error"] = float(np.median([1 - e.views / e.later for e in examples]))
    so_far = np.array([np.log(e.views / (e.views_before or 1)) for e in examples])
    later = np.array([e.later / e.views for e in examples])
    figures["auc_of_momentum"] = _auc(so_far, later >= np.quantile(later, 0.9))
    figures["auc_of_views"] = _auc(np.array([e.views for e in examples]), later >= np.quantile(later, 0.9))
    return figures


def _auc(scores: np.ndarray, positive: np.ndarray) -> float:
    ranks = scores.argsort().argsort()
    wins = ranks[positive].sum() - positive.sum() * (positive.sum() - 1) / 2
    return float(wins / (positive.sum() * (~positive).sum()))
