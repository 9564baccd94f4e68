"""Cost: this month so far and as it will probably end, by worker, at the command's own prices."""

import calendar
from collections.abc import Sequence
from datetime import datetime

import msgspec
from huntaze_cli import prices
from huntaze_cli.estimate import QStashBill, qstash_bill, run_bill
from huntaze_cli.workload import Load, corrected_flows
from huntaze_contracts.registry import WORKERS

from huntaze_console.pages import Nothing, Page
from huntaze_console.sources import Json, Sources


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
    schedules: list[Json] = await sources.qstash(lambda broker: broker.get("schedules"))
    qstash, compute = _month(parts, share, len(schedules))
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
    vcpu, gib = _size(service)
    busy, deliveries = totals["busySeconds"], totals["deliveries"]
    return Part(
        service=service,
        jobs=totals["jobs"],
        deliveries=deliveries,
        busy_seconds=busy,
        messages_usd=deliveries * prices.QSTASH_MESSAGE.usd,
        compute_usd=busy * (vcpu * prices.RUN_VCPU_SECOND.usd + gib * prices.RUN_GIB_SECOND.usd),
    )


def _size(service: str) -> tuple[float, float]:
    """Return the vCPUs and GiB of a service's container, as the estimate of `huntaze cost` has them."""
    worker = next(name for name, worker in WORKERS.items() if worker.service == service)
    flow = next((each for each in corrected_flows(Load(users=1)) if each.name == worker), None)
    return (flow.vcpu, flow.gib) if flow else (1.0, 0.5)


def _month(parts: Sequence[Part], share: float, schedules: int) -> tuple[QStashBill, float]:
    """Carry the month's first share forward: as much a day as until now."""
    deliveries = sum(each.deliveries for each in parts) / share
    vcpu = sum(each.busy_seconds * _size(each.service)[0] for each in parts) / share
    gib = sum(each.busy_seconds * _size(each.service)[1] for each in parts) / share
    bill = qstash_bill(deliveries, deliveries * Load(users=1).message_kb / 1e6, schedules)
    return bill, run_bill(vcpu, gib, deliveries)


PAGE = Page(path="/cost", title="Cost", template="cost.html", query=Nothing, load=load)
