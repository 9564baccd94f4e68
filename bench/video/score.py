"""Compare detected shot boundaries with the truth, as TRECVID did.

One to one: a cut is found by a detection within one frame; a gradual transition by a detection that touches
it, five frames of slack on either side. A detection on a soft boundary (jump cut, punch-in) counts neither
for nor against. Anything left is a false alarm.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

CUT_SLACK = 1
GRADUAL_SLACK = 5


class Found(NamedTuple):
    """One detection: the last frame of the old shot and the first of the new one."""

    first: int
    last: int


class Truth(NamedTuple):
    """One boundary of the truth."""

    kind: str
    first: int
    last: int


@dataclass(slots=True)
class Tally:
    """Counts over any number of clips."""

    cuts: int = 0
    cuts_found: int = 0
    graduals: int = 0
    graduals_found: int = 0
    false_alarms: int = 0
    missed: list[Truth] = field(default_factory=list[Truth])
    wrong: list[Found] = field(default_factory=list[Found])

    def add(self, truth: Sequence[Truth], found: Sequence[Found]) -> None:
        """Match one clip."""
        left = list(found)
        hard = [t for t in truth if t.kind == "cut"]
        slow = [t for t in truth if t.kind not in {"cut", "soft"}]
        soft = [t for t in truth if t.kind == "soft"]
        self.cuts += len(hard)
        self.graduals += len(slow)
        for true in hard:
            near = [f for f in left if abs(f.last - true.last) <= CUT_SLACK and f.last - f.first <= 4]
            self.cuts_found += self._take(near, left, true)
        for true in slow:
            near = [
                f
                for f in left
                if f.last >= true.first - GRADUAL_SLACK and f.first <= true.last + GRADUAL_SLACK
            ]
            self.graduals_found += self._take(near, left, true)
        for true in soft:
            for near in [f for f in left if abs(f.last - true.last) <= GRADUAL_SLACK][:1]:
                left.remove(near)
        self.false_alarms += len(left)
        self.wrong += left

    def _take(self, near: list[Found], left: list[Found], true: Truth) -> int:
        if not near:
            self.missed.append(true)
            return 0
        left.remove(min(near, key=lambda f: abs(f.last - true.last)))
        return 1

    def cut_scores(self) -> tuple[float, float, float]:
        """Return precision, recall and F1 of the hard cuts."""
        return _scores(self.cuts_found, self.cuts, self.false_alarms)

    def all_scores(self) -> tuple[float, float, float]:
        """Return precision, recall and F1 of all transitions."""
        return _scores(self.cuts_found + self.graduals_found, self.cuts + self.graduals, self.false_alarms)

    @property
    def alarms_per_141_cuts(self) -> float:
        """False alarms, scaled to the number of cuts of the reference set."""
        return self.false_alarms * 141 / max(1, self.cuts)


def _scores(hits: int, wanted: int, false_alarms: int) -> tuple[float, float, float]:
    precision = hits / max(1, hits + false_alarms)
    recall = hits / max(1, wanted)
    return precision, recall, 2 * precision * recall / max(1e-9, precision + recall)
