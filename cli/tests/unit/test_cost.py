"""The estimate's figures against numbers worked out by hand, and its properties."""

import pytest
from huntaze_cli.cost import seed_usd, steps
from huntaze_cli.estimate import crossover, estimate, qstash_bill
from huntaze_cli.workload import Load, corrected_flows, messages
from hypothesis import given
from hypothesis import strategies as st


def test_the_seed_figure_is_reproduced() -> None:
    """11,790 messages at $0.50 a million."""
    load = Load(users=50)
    assert round(seed_usd(load), 4) == 0.0059
    assert [round(usd, 4) for _, _, usd in steps(load)[:2]] == [0.0059, 0.1179]


@pytest.mark.parametrize(
    ("users", "plan", "queue", "run"), [(50, "free", 0, 2.40), (5000, "pay as you go", 6.61, 725)]
)
def test_sizes_of_the_seed(users: int, plan: str, queue: float, run: float) -> None:
    result = estimate(Load(users=users))
    assert result.qstash.plan == plan
    assert result.qstash.usd == pytest.approx(queue, abs=0.01)
    assert result.platforms[0].compute == pytest.approx(run, rel=0.01)


def test_half_a_million_users_take_a_fixed_plan() -> None:
    result = estimate(Load(users=500_000))
    assert (result.qstash.plan, result.qstash.usd) == ("fixed 10M", 420)
    assert result.average_vcpu == pytest.approx(1049, rel=0.01)


def test_bandwidth_and_schedules_above_the_free_amounts_are_charged() -> None:
    plans = qstash_bill(100_000, 60, 1100).plans
    assert plans["pay as you go"] == pytest.approx(1 + 10 * 0.05 + 100 * 0.01)
    assert "free" not in qstash_bill(100, 0, 11).plans


def test_the_crossover_of_always_on() -> None:
    assert crossover(spot=False) == pytest.approx(0.47, abs=0.005)
    assert crossover(spot=True) == pytest.approx(0.14, abs=0.005)


def test_a_group_fans_out_and_each_attempt_calls_back() -> None:
    """1,000 publishes × 3 endpoints × 1.1 attempts × (1 + 2 callbacks) + 3 failures."""
    load = Load(users=1000, videos_per_user=1, endpoints=3, retry_rate=0.1, callbacks=2, failure_rate=0.001)
    video = corrected_flows(load)[0]
    assert messages(video, load) == pytest.approx(1000 * 3 * 1.1 * 3 + 3)


@given(users=st.integers(1, 10**6), rate=st.floats(0, 2), callbacks=st.floats(0, 3))
def test_more_work_never_costs_less(users: int, rate: float, callbacks: float) -> None:
    less = estimate(Load(users=users, retry_rate=rate, callbacks=callbacks))
    more = estimate(Load(users=users + 1, retry_rate=rate, callbacks=callbacks))
    assert more.messages > less.messages
    assert more.qstash.usd >= less.qstash.usd
    for low, high in zip(less.platforms, more.platforms, strict=True):
        assert high.usd >= low.usd
