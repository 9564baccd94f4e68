"""Jobs of several services as one list."""

from collections.abc import Mapping
from datetime import datetime

from huntaze_console.sources import Json


def seen_at(job: Json) -> datetime:
    """Return when a job was first seen, which is what it is sorted by."""
    return datetime.fromisoformat(job["firstSeenAt"])


def newest(pages: Mapping[str, Json], most: int) -> list[Json]:
    """Merge the first pages of the services' jobs, newest first, each job with the name of its `service`."""
    jobs = [{"service": service, **job} for service, page in pages.items() for job in page["jobs"]]
    return sorted(jobs, key=seen_at, reverse=True)[:most]
