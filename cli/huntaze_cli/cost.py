"""`huntaze cost`: a month's bill for the seed's workload, or for figures of your own."""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from cyclopts import App, Group, Parameter

from huntaze_cli import prices
from huntaze_cli.estimate import Estimate, crossover, estimate, qstash_bill
from huntaze_cli.failures import usage
from huntaze_cli.session import Given, Session
from huntaze_cli.workload import Load, attempts, corrected_flows, messages, seed_messages

app = App(
    name="cost",
    help="Estimate the month's bill.",
    help_format="plaintext",
    group_parameters=Group("Figures", sort_key=2),
)
_SIZES = (50, 5_000, 500_000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What may be set; the defaults are the seed's workload."""

    videos_per_user: Annotated[float, Parameter(help="Videos a user sends in a month.")] = 60
    video_seconds: Annotated[float, Parameter(help="Computing of one, at 2 vCPU, 2 GiB.")] = 45
    retry_rate: Annotated[float, Parameter(help="Mean further attempts a message.")] = 0.02
    retries_billed: Annotated[
        bool, Parameter(help="Whether attempts after the first are billed; Upstash's pages disagree.")
    ] = True
    callbacks: Annotated[float, Parameter(help="Callbacks for each attempt of a video.")] = 1
    endpoints: Annotated[int, Parameter(help="Endpoints of the video's URL group.")] = 1
    message_kb: Annotated[float, Parameter(help="Kilobytes carried by one message.")] = 2
    schedules: Annotated[int, Parameter(help="Active schedules.")] = 6
    apify_usd: Annotated[float, Parameter(help="Dollars for one scrape; ask Apify.")] = 0
    model_usd: Annotated[float, Parameter(help="Dollars for one picture's analysis.")] = 0.000125


@app.default
def cost(
    *,
    users: Annotated[
        list[int] | None,
        Parameter(help="Number of users, repeatable. [default: 50 5000 500000]", negative=""),
    ] = None,
    figures: Annotated[Figures | None, Parameter(name="*")] = None,
    session: Given,
) -> int:
    """Estimate a month: QStash with scale-to-zero beside five others, and the seed's own figure.

    Formulas and assumptions: docs/reference/cost.md. Prices and where they were read: huntaze cost prices.
    """
    chosen = figures or Figures()
    given: dict[str, Any] = {name: getattr(chosen, name) for name in Figures.__slots__}
    sizes = users or list(_SIZES)
    if any(size < 1 for size in sizes) or any(value < 0 for value in given.values()) or chosen.endpoints < 1:
        raise usage("figures must be positive")
    estimates = [estimate(Load(users=size, **given)) for size in sizes]
    session.terminal.data([_as_data(each) for each in estimates])
    _show(session, estimates)
    return 0


@app.command(name="prices")
def show_prices(*, session: Given) -> int:
    """Show every unit price and where it was read."""
    session.terminal.data(
        {name: {"usd": price.usd, "unit": price.unit} for name, price in prices.ALL.items()}
    )
    session.terminal.table(
        ["USD", "FOR A", "SOURCE"],
        [
            (f"{price.usd:.10f}".rstrip("0").rstrip("."), price.unit, price.source)
            for price in prices.ALL.values()
        ],
    )
    return 0


def _show(session: Session, estimates: list[Estimate]) -> None:
    terminal = session.terminal
    header = ["USD a month", *(f"{each.load.users:,} users" for each in estimates)]
    right = header[1:]

    def rows(title: str, lines: list[tuple[str, list[str]]]) -> None:
        terminal.line(title, "bold")
        terminal.table(["", *header[1:]], [(name, *values) for name, values in lines], right=right)
        terminal.line()

    rows(
        "A month's work",
        [
            ("messages", [f"{each.messages:,.0f}" for each in estimates]),
            ("vCPU-seconds", [f"{each.vcpu_seconds:,.0f}" for each in estimates]),
            ("QStash plan", [each.qstash.plan for each in estimates]),
        ],
    )
    names = [platform.name for platform in estimates[0].platforms]
    rows(
        "USD: messages + computing + reading the store, by platform",
        [(name, [_usd(each.platforms[i].usd) for each in estimates]) for i, name in enumerate(names)],
    )
    rows(
        "USD: the same on every platform",
        [
            ("database", [_usd(each.database) for each in estimates]),
            ("storage", [_usd(each.storage) for each in estimates]),
            ("Apify", [_usd(each.apify) if each.load.apify_usd else "not set" for each in estimates]),
            ("model calls", [_usd(each.model) for each in estimates]),
        ],
    )
    rows(
        "USD: QStash + Cloud Run, all together",
        [("sum", [_usd(each.platforms[0].usd + each.shared) for each in estimates])],
    )
    _explain(session, estimates[0])
    for each in estimates:
        for warning in each.warnings:
            terminal.line(f"{each.load.users:,} users: {warning}", "yellow")
    terminal.line(
        f"An always-on vCPU is cheaper than Cloud Run's when busy more than {crossover(spot=False):.0%}"
        f" (Fargate) or {crossover(spot=True):.0%} (Spot)."
    )


def _explain(session: Session, result: Estimate) -> None:
    """Show how the seed's figure becomes ours, a step a line."""
    terminal = session.terminal
    terminal.line(f"Why the seed said ${seed_usd(result.load):.4f} for {result.load.users:,} users", "bold")
    terminal.table(
        ["STEP", "MESSAGES", "USD"],
        [(name, f"{count:,.0f}", f"{usd:.4f}") for name, count, usd in steps(result.load)],
        right=["MESSAGES", "USD"],
    )
    terminal.line("It left out computing, database, storage, Apify and model calls, and compared its queue")
    terminal.line("with other platforms' computing.")
    terminal.line()


def seed_usd(load: Load) -> float:
    """Return the message bill as the sketch reckoned it."""
    return seed_messages(load.users, load.videos_per_user) * prices.SEED_MESSAGE.usd


def steps(load: Load) -> list[tuple[str, float, float]]:
    """Correct the sketch's figure one mistake at a time: what was changed, messages, dollars."""
    seed = seed_messages(load.users, load.videos_per_user)
    plain = replace(load, callbacks=0.0, retry_rate=0.0, failure_rate=0.0)
    retried = replace(load, callbacks=0.0)

    def count(each: Load) -> float:
        return sum(messages(flow, each) for flow in corrected_flows(each))

    stages = [
        ("the real price, $10 a million, in place of $0.50", seed),
        ("+ schedules and follow-up messages not counted", count(plain)),
        ("+ retries and failure callbacks", count(retried)),
        ("+ callbacks", count(load)),
    ]
    lines = [("the seed: $0.50 a million", seed, seed_usd(load))]
    lines += [(name, number, number * prices.QSTASH_MESSAGE.usd) for name, number in stages]
    bill = qstash_bill(count(load), count(load) * load.message_kb / 1e6, load.schedules)
    return [*lines, (f"the cheapest plan: {bill.plan}", count(load), bill.usd)]


def _as_data(result: Estimate) -> dict[str, Any]:
    return {
        "users": result.load.users,
        "messages": result.messages,
        "flows": {
            flow.name: {
                "messages": messages(flow, result.load),
                "attempts": attempts(flow, result.load),
                "vcpuSeconds": attempts(flow, result.load) * flow.seconds * flow.vcpu,
            }
            for flow in corrected_flows(result.load)
        },
        "qstash": {"plan": result.qstash.plan, "usd": result.qstash.usd, "plans": result.qstash.plans},
        "platforms": {
            each.name: {
                "messaging": each.messaging,
                "compute": each.compute,
                "egress": each.egress,
                "usd": each.usd,
            }
            for each in result.platforms
        },
        "database": result.database,
        "storage": result.storage,
        "apify": result.apify,
        "model": result.model,
        "seedUsd": seed_usd(result.load),
        "corrections": [
            {"step": name, "messages": number, "usd": usd} for name, number, usd in steps(result.load)
        ],
        "warnings": result.warnings,
    }


def _usd(amount: float) -> str:
    return f"{amount:,.2f}" if amount < 10_000 else f"{amount:,.0f}"
