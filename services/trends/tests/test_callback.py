"""Apify's calls over real HTTP: early, late, twice, and from somebody else."""

from typing import Any

import pytest
from huntaze_contracts.trends import ScrapeQuery

QUERY = ScrapeQuery(platform="tiktok", value="studio")
ROW = b'{"id":"1","createTime":1763600000,"authorMeta":{"id":"a"},"text":"hello"}'


async def started(platform: Any) -> Any:
    platform.apify.rows = [ROW]
    assert (await platform.send(QUERY, "job-1")).status_code == 200
    platform.apify.end()
    return platform.apify.runs[0]


async def test_the_call_is_faster_than_looking(platform: Any) -> None:
    run = await started(platform)
    assert (await platform.apify.ring(run)).status_code == 204
    job_ids = [message.deduplication_id for message in platform.qstash.published]
    assert [job_id.rpartition("-")[2] for job_id in job_ids] == ["1", "ended"]
    results = await platform.settle()
    assert [found.status for found in results.values()] == ["analysed", "analysed"]
    assert await platform.rows("SELECT count(*) FROM post_snapshot") == [(1,)]


async def test_repeated_calls_change_nothing(platform: Any) -> None:
    run = await started(platform)
    assert [(await platform.apify.ring(run)).status_code for _ in range(3)] == [204] * 3
    assert len(platform.qstash.published) == 2
    await platform.settle()
    assert (await platform.apify.ring(run)).status_code == 204
    assert len(platform.qstash.published) == 2


async def test_a_call_before_the_answer_to_the_start_names_the_run(platform: Any) -> None:
    """The answer is lost, and the call alone saves the paid run."""
    platform.apify.rows = [ROW]

    async def ring_at_once(run: Any) -> None:
        run.status = "SUCCEEDED"
        assert (await platform.apify.ring(run)).status_code == 204

    platform.apify.on_start = ring_at_once
    platform.apify.faults["start"] = ["500 although started"]
    assert (await platform.send(QUERY, "job-1")).status_code == 503
    assert (await platform.send(QUERY, "job-1")).status_code == 200
    results = await platform.settle()
    assert len(platform.apify.runs) == 1
    assert {found.posts for found in results.values()} == {1}


@pytest.mark.parametrize("proof", ["", "0" * 64, "é"])
async def test_a_call_without_the_proof_is_refused(platform: Any, proof: str) -> None:
    run = await started(platform)
    (hook,) = run.webhooks
    answer = await platform.http.post(
        hook["requestUrl"],
        content=b'{"runId":"run0","datasetId":"ds-run0"}',
        headers={"x-huntaze-proof": proof.encode("latin-1").decode("latin-1")} if proof.isascii() else {},
    )
    assert answer.status_code == 401
    assert len(platform.qstash.published) == 1


async def test_the_proof_of_one_scrape_is_none_of_another(platform: Any) -> None:
    run = await started(platform)
    (hook,) = run.webhooks
    hook["requestUrl"] = hook["requestUrl"].rpartition("/")[0] + "/tiktok-other"
    assert (await platform.apify.ring(run)).status_code == 401


async def test_a_run_that_is_not_the_scrapes_collects_nothing(platform: Any) -> None:
    run = await started(platform)
    run.id = "run77"
    assert (await platform.apify.ring(run)).status_code == 204
    assert len(platform.qstash.published) == 1
    assert await platform.rows("SELECT run_id FROM scrape") == [("run0",)]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"runId":7,"datasetId":"d"}', b"x" * 20_000])
async def test_a_body_that_is_not_our_template_is_refused(platform: Any, body: bytes) -> None:
    import json

    run = await started(platform)
    (hook,) = run.webhooks
    answer = await platform.http.post(
        hook["requestUrl"], content=body, headers=json.loads(hook["headersTemplate"])
    )
    assert answer.status_code == (413 if len(body) > 16384 else 400)
    assert len(platform.qstash.published) == 1
