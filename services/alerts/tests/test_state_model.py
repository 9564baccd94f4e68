"""Random sequences of values against a small model of the state machine, and a year of ticks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from huntaze_contracts.alerts import Flapping, Level
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

TICK = 300


@dataclass(frozen=True)
class Config:
    """What of a rule the state machine looks at; values above 100 breach."""

    hold: int
    keep_firing: int
    clear: float | None
    no_data: str
    missing: int
    repeat: int


class Model:
    """The machine in plain Python: one instance, one value per tick, notices as they are told."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.state = "ok"
        self.since = self.notified = self.reminders = 0
        self.missing: int | None = None
        self.notices: list[str] = []

    def step(self, now: int, value: float | None) -> None:
        signal = self._signal(now, value)
        following = self._next(now, signal)
        if following == "firing" and self.state in ("ok", "pending"):
            self._tell("firing", now)
            self.reminders = 0
        elif following == "firing" and now - self.notified >= self.config.repeat * 2**self.reminders:
            self._tell("reminder", now)
            self.reminders += 1
        if following == "ok" and self.state in ("firing", "recovering"):
            self._tell("resolved", now)
        if following != self.state:
            self.since = now
        self.state = following
        self.missing = None if value is not None or following == "ok" else self.missing or now

    def _signal(self, now: int, value: float | None) -> str:
        config = self.config
        if value is None:
            if config.no_data == "alert":
                return "breach"
            gone = now - (self.missing or now) >= config.missing
            return "clear" if config.no_data == "ok" and (self.state == "pending" or gone) else "keep"
        if value > 100:
            return "breach"
        return "between" if config.clear is not None and value > config.clear else "clear"

    def _next(self, now: int, signal: str) -> str:
        lasted = now - self.since
        match self.state, signal:
            case "ok", "breach":
                return "firing" if self.config.hold == 0 else "pending"
            case "pending", "breach":
                return "firing" if lasted >= self.config.hold else "pending"
            case "pending", "between" | "clear":
                return "ok"
            case "firing", "clear":
                return "recovering" if self.config.keep_firing else "ok"
            case "recovering", "breach" | "between":
                return "firing"
            case "recovering", "clear" if lasted >= self.config.keep_firing:
                return "ok"
        return self.state

    def _tell(self, notice: str, now: int) -> None:
        self.notices.append(notice)
        if notice != "resolved":
            self.notified = now


spans = st.sampled_from([0, TICK, 2 * TICK, 3 * TICK + 60])
configs = st.builds(
    Config,
    hold=spans,
    keep_firing=spans,
    clear=st.sampled_from([None, 80.0, 100.0]),
    no_data=st.sampled_from(["keep", "ok", "alert"]),
    missing=spans,
    repeat=st.sampled_from([TICK, 2 * TICK, 100 * TICK]),
)
values = st.sampled_from([None, 50.0, 80.0, 90.0, 100.0, 100.1, 150.0])
# Ten rules at a time: the statement moves them all at once, as it does in production.
cases = st.lists(st.tuples(configs, st.lists(values, min_size=12, max_size=12)), min_size=10, max_size=10)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cases)
async def test_the_statement_and_the_model_agree(
    world, cases: Sequence[tuple[Config, list[float | None]]]
) -> None:
    """State and notices of every instance, after every tick; each tick is delivered twice."""
    await world.pool.execute(
        "DELETE FROM notification; DELETE FROM alert; DELETE FROM rule; DELETE FROM series;"
        "DELETE FROM evaluation"
    )
    models = [Model(config) for config, _ in cases]
    for n, (config, _) in enumerate(cases):
        await world.rule(
            f"r{n}",
            hold=config.hold,
            keep_firing=config.keep_firing,
            clear=config.clear,
            no_data=config.no_data,
            missing=config.missing,
            repeat=config.repeat,
            repeat_max=10_000_000 // 2,
            flapping=Flapping(changes=100),
            metric=f"test.r{n}",
        )
    for tick in range(12):
        world.slot += timedelta(seconds=TICK)
        for n, (_, sequence) in enumerate(cases):
            if (value := sequence[tick]) is not None:
                await world.sample(f"r{n}", value)
            models[n].step((tick + 1) * TICK, value)
        await world.again()
        assert (await world.again()).skipped
        assert [await world.state(f"r{n}") for n in range(10)] == [model.state for model in models]
    assert [await world.notices(f"r{n}") for n in range(10)] == [model.notices for model in models]


async def test_a_year_of_ticks(world) -> None:
    """Three rules over a year, three hours a tick: every incident is told once, and nothing is left open.

    The metric breaks for six hours on the first day of each month, vanishes in April, and the clock leaps
    over a week in August, as after an outage.
    """
    await world.rule(
        "level", hold=10_800, keep_firing=10_800, window=10_800, repeat=86_400 * 5, repeat_max=86_400 * 5
    )
    long = {"repeat": 7_000_000, "repeat_max": 7_000_000}
    await world.rule(
        "dead", aggregation="age", window=86_400, metric="test.level", levels=threshold(43_200), **long
    )
    await world.rule("quiet", metric="test.level", window=10_800, levels=threshold(1e9))
    world.slot, world.usual = datetime(2026, 1, 1, tzinfo=UTC), timedelta(hours=3)
    await load_a_year(world)
    fired = resolved = told = 0
    while world.slot < datetime(2027, 1, 1, tzinfo=UTC):
        leaps = world.slot == datetime(2026, 8, 10, tzinfo=UTC)
        done = await world.tick(7 * 24 * 60 if leaps else 180)
        fired, resolved, told = fired + done.fired, resolved + done.resolved, told + done.notifications

    assert (fired, resolved, told) == (11 + 1, 11 + 1, 22 + 2)
    assert await world.rows("SELECT FROM alert WHERE state <> 'resolved'") == []


async def load_a_year(world) -> None:
    await world.pool.execute(
        """
        WITH s AS (INSERT INTO series (metric) VALUES ('test.level') RETURNING id)
        INSERT INTO point (series_id, at, n, total, low, high)
        SELECT s.id, at, 1, v, v, v
          FROM s, generate_series('2026-01-01Z'::timestamptz, '2027-01-01Z', '30 minutes') AS at,
               LATERAL (SELECT CASE WHEN extract(day FROM at) = 1 AND extract(hour FROM at) BETWEEN 6 AND 11
                                    THEN 500 ELSE 10 END AS v) AS x
         WHERE extract(month FROM at) <> 4
        """
    )
    await world.pool.execute("ANALYZE point, series")


def threshold(value: float) -> tuple[Level, ...]:
    return (Level(severity="error", threshold=value),)
