"""Faults that a test asks for: the next deliveries fail without a socket being opened."""

from collections import deque
from dataclasses import dataclass, field

from qstash_local.core.message import HeaderMap
from qstash_local.store.outcomes import Outcome


@dataclass(slots=True)
class Fault:
    """What happens to the next ``count`` deliveries whose URL contains ``url``."""

    count: int
    status: int = 0
    error: str = "connection reset by a test"
    header: HeaderMap = field(default_factory=dict[str, list[str]])
    body: bytes = b""
    url: str = ""


class Faults:
    """The faults still to come, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._faults: deque[Fault] = deque()

    def add(self, fault: Fault) -> None:
        """Ask for a fault."""
        self._faults.append(fault)

    def clear(self) -> None:
        """Forget all faults."""
        self._faults.clear()

    def take(self, url: str) -> Outcome | None:
        """Return the outcome that a fault forces on a delivery to ``url``, or None."""
        for fault in self._faults:
            if fault.url in url:
                fault.count -= 1
                if fault.count <= 0:
                    self._faults.remove(fault)
                return Outcome(fault.status, fault.header, fault.body, "" if fault.status else fault.error)
        return None
