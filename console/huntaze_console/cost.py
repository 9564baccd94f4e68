"""Cost: this month so far and as it will probably end, by worker, at the command's own prices."""

import calendar
from collections.abc import Sequence
from datetime import datetime

import msgspec
from huntaze_cli import prices
from huntaze_cli.estimate import QStashBill, qstash_bill

from huntaze_console.pages import Nothing, Page
from huntaze_console.sources import Json, Sources

_MESSAGE_KB = 2.0
_SIZES = {"video": (2.0, 2.0)}
"""vCPUs and GiB of a service that is not of the usual size, as deploy/ asks for them."""
_USUAL_SIZE = (1.0, 0.5)


class Part(msgspec.Struct, frozen=True, rename="camel"):
    """What one worker used this month, at list prices."""

    service: str
    jobs: int
    deliveries: int
    busy_seconds: float
    messages_usd: float
    compute_usd: float


class CostPage(msgspec.Struct, frozen=True, rename="camel"):
    """What the page shows."""

    since: datetime
    share: float
    """Of the month that is over, 0 to 1."""
    parts: Sequence[Part]
    so_far: float
    """US dollars at list prices, before anything that is free."""
    forecast: float
    """US dollars of the whole month, with QStash's cheapest plan and the free tier of compute."""
    qstash: QStashBill
    compute: float
    budget: float
    problems: Sequence[str]


async def load(sources: Sources, _: Nothing) -> CostPage:
    """Read what every service did since the month began."""
    now = sources.now()
    since = now.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    days = calendar.monthrange(now.year, now.month)[1]
    share = max((now - since).total_seconds() / (days * 86_400), 1 / (days * 24))
    answers, failures = await sources.every_service("/activity", since=since.isoformat(), steps=1)
    parts = [_part(name, each["totals"]) for name, each in answers.items()]
    qstash, compute = _month(parts, share)
    return CostPage(
        since=since,
        share=share,
        parts=parts,
        so_far=sum(each.messages_usd + each.compute_usd for each in parts),
        forecast=qstash.usd + compute,
        qstash=qstash,
        compute=compute,
        budget=sources.monthly_budget,
        problems=[f"{each}. {each.hint}" for each in failures],
    )


def _part(service: str, totals: Json) -> Part:
    vcpu, gib = _SIZES.get(service, _USUAL_SIZE)
    busy, deliveries = totals["busySeconds"], totals["deliveries"]
    return Part(
        service=service,
        jobs=totals["jobs"],
        deliveries=deliveries,
        busy_seconds=busy,
        messages_usd=deliveries * prices.QSTASH_MESSAGE.usd,
        compute_usd=busy * (vcpu * prices.RUN_VCPU_SECOND.usd + gib * prices.RUN_GIB_SECOND.usd),
    )


def _month(parts: Sequence[Part], share: float) -> tuple[QStashBill, float]:
    """Carry the month's first share forward: as much a day as until now."""
    deliveries = sum(each.deliveries for each in parts) / share
    vcpu = sum(each.busy_seconds * _SIZES.get(each.service, _USUAL_SIZE)[0] for each in parts) / share
    gib = sum(each.busy_seconds * _SIZES.get(each.service, _USUAL_SIZE)[1] for each in parts) / share
    compute = (
        max(0.0, vcpu - 180_000) * prices.RUN_VCPU_SECOND.usd
        + max(0.0, gib - 360_000) * prices.RUN_GIB_SECOND.usd
        + max(0.0, deliveries - 2e6) * prices.RUN_REQUEST.usd
    )
    return qstash_bill(deliveries, deliveries * _MESSAGE_KB / 1e6, 10), compute


PAGE = Page(path="/cost", title="Cost", template="cost.html", query=Nothing, load=load)
