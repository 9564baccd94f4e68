"""Every worker: its name, what it takes and answers, and how long it may take."""

from types import MappingProxyType
from typing import Any

from msgspec import Struct

from huntaze_contracts.alerts import AlertJob, AlertResult
from huntaze_contracts.data import DataProcessed, DataProcessing
from huntaze_contracts.trends import ContentTrends, TrendsFound
from huntaze_contracts.video import VideoProcessed, VideoProcessing


class Worker(Struct, frozen=True, kw_only=True):
    """One worker as its producers see it.

    The times keep the order that makes redelivery safe: deadline < timeout, and the ledger's lease is renewed
    only until the deadline. ``retries`` holds two more than the job needs, since a delivery that meets its
    own twin in flight costs one.
    """

    name: str
    service: str
    payload: Any
    result: Any
    deadline: int
    """Seconds after which the service gives the job up."""
    retries: int = 5
    parallelism: int = 10
    """Deliveries that QStash has under way at once, whoever publishes; the others wait in its queue. What the
    instances of a service can work on together: raise it with their number."""
    max_body: int = 64 * 1024
    """Bytes of the whole envelope."""

    @property
    def path(self) -> str:
        """The endpoint's path below the service's public URL."""
        return f"/api/workers/{self.name}"

    @property
    def timeout(self) -> int:
        """Seconds that QStash waits for the answer."""
        return self.deadline + 30


WORKERS = MappingProxyType(
    {
        worker.name: worker
        for worker in (
            Worker(
                name="video-processing",
                service="video",
                payload=VideoProcessing,
                result=VideoProcessed,
                deadline=600,
            ),
            Worker(
                name="content-trends",
                service="trends",
                payload=ContentTrends,
                result=TrendsFound,
                deadline=120,
            ),
            Worker(
                name="data-processing",
                service="data",
                payload=DataProcessing,
                result=DataProcessed,
                deadline=300,
            ),
            Worker(
                name="alert-checker",
                service="alerts",
                payload=AlertJob,
                result=AlertResult,
                deadline=60,
                parallelism=5,
            ),
        )
    }
)
