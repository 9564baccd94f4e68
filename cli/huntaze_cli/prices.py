"""Unit prices in US dollars, each with where it was read. Regions: us-east-1, Cloud Run tier 1.

Read from the vendors' pages and the named third parties in the first half of 2026; check before you budget.
"""

from dataclasses import dataclass

SECONDS_A_MONTH = 30.4 * 86_400
HOURS_A_MONTH = 730.0


@dataclass(frozen=True, slots=True)
class Price:
    """One figure and its source."""

    usd: float
    unit: str
    source: str


QSTASH_MESSAGE = Price(1 / 100_000, "message", "upstash.com/pricing/qstash: $1 per 100,000")
QSTASH_GIGABYTE = Price(0.05, "GB above 50", "upstash.com/pricing/qstash")
QSTASH_SCHEDULE = Price(0.01, "schedule above 1,000", "upstash.com/pricing/qstash")
QSTASH_FIXED_1M = Price(180.0, "month, 1 M messages a day, 1 TB", "upstash.com/pricing/qstash")
QSTASH_FIXED_10M = Price(420.0, "month, 10 M messages a day, 5 TB", "upstash.com/pricing/qstash")
SEED_MESSAGE = Price(0.5e-6, "message", "the first sketch of this platform; no vendor's price")

RUN_VCPU_SECOND = Price(0.000024, "vCPU-s above 180,000", "cloud.google.com/run/pricing")
RUN_GIB_SECOND = Price(0.0000025, "GiB-s above 360,000", "cloud.google.com/run/pricing")
RUN_REQUEST = Price(0.40e-6, "request above 2 M", "cloud.google.com/run/pricing")
TASKS_OPERATION = Price(0.40e-6, "operation above 1 M", "cloud.google.com/tasks/docs/pricing")
SCHEDULER_JOB = Price(0.10, "job above 3", "cloud.google.com/scheduler/pricing")

LAMBDA_GB_SECOND = Price(0.0000166667, "GB-s above 400,000", "AWS whitepaper, cloudchipr.com")
LAMBDA_REQUEST = Price(0.20e-6, "request above 1 M", "AWS whitepaper, cloudchipr.com")
SQS_REQUEST = Price(0.40e-6, "request above 1 M", "cloudburn.io, 2026-03")
FARGATE_VCPU_HOUR = Price(0.04048, "vCPU-h", "vantage.sh, wring.co, 2026-03")
FARGATE_GIB_HOUR = Price(0.004445, "GiB-h", "vantage.sh, wring.co, 2026-03")
FARGATE_SPOT_SHARE = 0.3
"""Of the price on demand: up to 70 % less (wring.co, 2026-03). Spot prices move."""
EC2_MONTH = Price(30.0, "month of t3.medium (2 vCPU, 4 GiB), on demand", "wring.co")
EC2_SPOT_SHARE = 0.3
"""Assumed like Fargate's: no published price of small spot machines was found."""

DATABASE_HOUR = Price(0.106, "CU-h (Neon Launch; 100 CU-h a month are free)", "neon.com/faqs")
STORE_PUT = Price(5e-6, "PUT", "aws.amazon.com/s3/pricing")
STORE_GIGABYTE = Price(0.023, "GB-month", "aws.amazon.com/s3/pricing")
STORE_EGRESS = Price(0.09, "GB out above 100 (first tier, taken for all)", "aws.amazon.com/s3/pricing")

ALL = {name: value for name, value in globals().items() if isinstance(value, Price)}
