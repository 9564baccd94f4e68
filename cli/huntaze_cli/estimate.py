"""A month's bill from a load. Pure arithmetic; formulas and assumptions are in docs/reference/cost.md."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from huntaze_cli import prices
from huntaze_cli.workload import ALERTS_EVERY, DAYS, Flow, Load, attempts, corrected_flows, messages

UTILISATION = 0.6
"""Share of always-on machines that is really used: they are sized for peaks."""
AUTOSUSPEND = 300.0
"""Seconds after which an idle serverless database sleeps."""
_CU_PER_MESSAGE = 0.25 / 1e6
_SERVICES = 4
_POLLERS = 5
"""Connections with which Lambda polls one queue, each for 20 s."""
_LAMBDA_GIB_PER_VCPU = 1.769


@dataclass(frozen=True, slots=True)
class QStashBill:
    """What each of QStash's plans would cost, and the cheapest that fits."""

    plan: str
    usd: float
    plans: dict[str, float]


@dataclass(frozen=True, slots=True)
class Platform:
    """One way to run it all: carrying messages, computing, reading the store from where it runs."""

    name: str
    messaging: float
    compute: float
    egress: float

    @property
    def usd(self) -> float:
        """All three."""
        return self.messaging + self.compute + self.egress


@dataclass(frozen=True, slots=True)
class Estimate:
    """A month."""

    load: Load
    messages: float
    vcpu_seconds: float
    gib_seconds: float
    qstash: QStashBill
    platforms: Sequence[Platform]
    database: float
    storage: float
    apify: float
    model: float
    warnings: Sequence[str]

    @property
    def shared(self) -> float:
        """What is the same on every platform: database, storage, Apify, model calls."""
        return self.database + self.storage + self.apify + self.model

    @property
    def average_vcpu(self) -> float:
        """VCPUs in use, on average."""
        return self.vcpu_seconds / prices.SECONDS_A_MONTH


def estimate(load: Load) -> Estimate:
    """Estimate a month of the corrected workload."""
    flows = corrected_flows(load)
    count = sum(messages(flow, load) for flow in flows)
    vcpu = sum(attempts(flow, load) * flow.seconds * flow.vcpu for flow in flows)
    gib = sum(attempts(flow, load) * flow.seconds * flow.gib for flow in flows)
    bill = qstash_bill(count, count * load.message_kb / 1e6, load.schedules)
    videos = load.users * load.videos_per_user
    database, awake = _database(count)
    result = Estimate(
        load=load,
        messages=count,
        vcpu_seconds=vcpu,
        gib_seconds=gib,
        qstash=bill,
        platforms=_platforms(load, flows, count, vcpu, gib, bill),
        database=database,
        storage=videos * 10 * prices.STORE_PUT.usd
        + videos * 12 * load.stored_mb / 1000 * prices.STORE_GIGABYTE.usd,
        apify=sum(flow.publishes * flow.apify_runs for flow in flows) * load.apify_usd,
        model=sum(attempts(flow, load) * flow.model_calls for flow in flows) * load.model_usd,
        warnings=(),
    )
    return _with_warnings(result, awake)


def qstash_bill(count: float, gigabytes: float, schedules: int) -> QStashBill:
    """Price every plan that the month fits into, and choose the cheapest."""
    a_day = count / DAYS
    plans = {
        "pay as you go": count * prices.QSTASH_MESSAGE.usd
        + max(0.0, gigabytes - 50) * prices.QSTASH_GIGABYTE.usd
        + max(0, schedules - 1000) * prices.QSTASH_SCHEDULE.usd
    }
    if a_day <= 1000 and gigabytes <= 50 and schedules <= 10:
        plans["free"] = 0.0
    if a_day <= 1e6 and gigabytes <= 1000 and schedules <= 10_000:
        plans["fixed 1M"] = prices.QSTASH_FIXED_1M.usd
    if a_day <= 10e6 and gigabytes <= 5000 and schedules <= 50_000:
        plans["fixed 10M"] = prices.QSTASH_FIXED_10M.usd
    plan = min(plans, key=plans.__getitem__)
    return QStashBill(plan, plans[plan], plans)


def run_bill(vcpu_seconds: float, gib_seconds: float, requests: float) -> float:
    """Price a month on Cloud Run, above what is free."""
    return (
        _above(vcpu_seconds, 180_000) * prices.RUN_VCPU_SECOND.usd
        + _above(gib_seconds, 360_000) * prices.RUN_GIB_SECOND.usd
        + _above(requests, 2e6) * prices.RUN_REQUEST.usd
    )


def crossover(*, spot: bool) -> float:
    """Return the share of time above which an always-on vCPU of Fargate is cheaper than one of Cloud Run.

    For a worker of 1 vCPU and 1 GiB.
    """
    on_demand = (prices.FARGATE_VCPU_HOUR.usd + prices.FARGATE_GIB_HOUR.usd) / 3600
    by_request = prices.RUN_VCPU_SECOND.usd + prices.RUN_GIB_SECOND.usd
    return on_demand * (prices.FARGATE_SPOT_SHARE if spot else 1) / by_request


def _platforms(
    load: Load, flows: Sequence[Flow], count: float, vcpu: float, gib: float, bill: QStashBill
) -> Sequence[Platform]:
    deliveries = sum(attempts(flow, load) for flow in flows)
    run = run_bill(vcpu, gib, deliveries)
    tasks = (
        _above(2 * count, 1e6) * prices.TASKS_OPERATION.usd
        + _above(load.schedules, 3) * prices.SCHEDULER_JOB.usd
    )
    polling = _SERVICES * _POLLERS * prices.SECONDS_A_MONTH / 20
    sqs = _above(3 * count + polling, 1e6) * prices.SQS_REQUEST.usd
    gb_seconds = sum(
        attempts(flow, load) * flow.seconds * max(flow.gib, flow.vcpu * _LAMBDA_GIB_PER_VCPU)
        for flow in flows
    )
    functions = (
        _above(gb_seconds, 400_000) * prices.LAMBDA_GB_SECOND.usd
        + _above(deliveries, 1e6) * prices.LAMBDA_REQUEST.usd
    )
    always_on = _fargate(vcpu, gib)
    machines = max(1, math.ceil(vcpu / prices.SECONDS_A_MONTH / UTILISATION / 2))
    read_gb = load.users * load.videos_per_user * load.endpoints * load.read_mb / 1000
    egress = _above(read_gb, 100) * prices.STORE_EGRESS.usd
    return (
        Platform("QStash + Cloud Run", bill.usd, run, egress),
        Platform("Cloud Tasks + Cloud Run", tasks, run, egress),
        Platform("SQS + Lambda", sqs, functions, 0.0),
        Platform("SQS + Fargate", sqs, always_on, 0.0),
        Platform("SQS + Fargate Spot", sqs, always_on * prices.FARGATE_SPOT_SHARE, 0.0),
        Platform("SQS + EC2 Spot", sqs, machines * prices.EC2_MONTH.usd * prices.EC2_SPOT_SHARE, 0.0),
    )


def _fargate(vcpu: float, gib: float) -> float:
    """Four smallest tasks at least: one a service, always on."""
    smallest = _SERVICES * prices.HOURS_A_MONTH * _task_hour(0.25, 0.5)
    return max(smallest, _task_hour(vcpu, gib) / 3600 / UTILISATION)


def _task_hour(vcpu: float, gib: float) -> float:
    return vcpu * prices.FARGATE_VCPU_HOUR.usd + gib * prices.FARGATE_GIB_HOUR.usd


def _database(count: float) -> tuple[float, float]:
    """Return the serverless database's bill and the share of the month that it is awake.

    Awake is the union of all jobs' times with the autosuspend after each: the checks come like clockwork,
    the rest at random.
    """
    clockwork = min(1.0, AUTOSUSPEND / ALERTS_EVERY)
    at_random = 1 - math.exp(-count / prices.SECONDS_A_MONTH * AUTOSUSPEND)
    awake = 1 - (1 - clockwork) * (1 - at_random)
    units = max(0.25, count * _CU_PER_MESSAGE)
    hours = units * prices.HOURS_A_MONTH * awake
    return (0.0 if hours <= 100 else hours * prices.DATABASE_HOUR.usd), awake


def _with_warnings(result: Estimate, awake: float) -> Estimate:
    a_day = result.messages / DAYS
    told: list[str] = []
    if awake >= 0.99:
        told.append(
            f"C01 a check every {ALERTS_EVERY / 60:.0f} min keeps a database awake that sleeps after"
            f" {AUTOSUSPEND / 60:.0f}: it costs ${result.database:,.2f} a month"
        )
    if 800 <= a_day <= 1000:
        told.append(f"C03 {a_day:,.0f} messages a day are near the free plan's 1,000")
    if result.load.callbacks >= 1 and result.load.users >= 5000:
        told.append("C04 a callback for each attempt doubles the video messages; one a minute would do")
    if result.platforms[0].egress > 1:
        told.append(
            f"C07 reading videos from S3 elsewhere costs ${result.platforms[0].egress:,.0f}: use a store"
            " without egress fees, or compute beside it"
        )
    if result.average_vcpu > 1:
        told.append(
            f"C09 {result.average_vcpu:,.1f} vCPUs are busy on average: always-on is cheaper above"
            f" {crossover(spot=False):.0%} use (Fargate), {crossover(spot=True):.0%} (Spot)"
        )
    return Estimate(
        **{name: getattr(result, name) for name in Estimate.__slots__ if name != "warnings"}, warnings=told
    )


def _above(amount: float, free: float) -> float:
    return max(0.0, amount - free)
