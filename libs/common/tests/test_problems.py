"""Errors of the framework's routes: each a problem with a stable code, none with a secret."""

import asyncpg
import pytest
from huntaze_common.problems import PROBLEMS
from litestar import get
from litestar.testing import create_test_client

OUTAGES = [ConnectionResetError("canary"), TimeoutError(), asyncpg.TooManyConnectionsError("canary")]


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_a_database_that_is_away_is_a_reason_to_come_back(error: Exception) -> None:
    @get("/jobs")
    async def jobs() -> None:
        raise error

    with create_test_client(jobs, exception_handlers=PROBLEMS) as client:
        answer = client.get("/jobs")
    assert (answer.status_code, answer.json()["code"]) == (503, "upstream_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert "canary" not in answer.text


def test_a_bug_is_a_problem_too() -> None:
    @get("/jobs")
    async def jobs() -> None:
        raise KeyError("canary")

    with create_test_client(jobs, exception_handlers=PROBLEMS) as client:
        answer = client.get("/jobs")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.headers["content-type"] == "application/problem+json"
    assert "canary" not in answer.text
