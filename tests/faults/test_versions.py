"""F18: the version before this one and this one side by side on one schema, as in every rolling deploy."""

import asyncio
import io
import json
import subprocess
import sys
import tarfile
from collections.abc import Generator
from pathlib import Path

import pytest
from huntaze_common.testing.killing import Record, Victim, kill_everywhere

ROOT = Path(__file__).parents[2]
PACKAGES = {"libs/common": "huntaze_common", "contracts": "huntaze_contracts"}
ENVELOPES = """
import sys
from datetime import datetime, UTC
import huntaze_common
assert huntaze_common.__path__[0].startswith(sys.argv[2])
from huntaze_common.publishing import encode_job
from huntaze_contracts.alerts import CheckAlerts
for n in range(int(sys.argv[1])):
    body = encode_job("alert-checker", CheckAlerts(), job_id=f"job-old-{n}", user_id="u1", enqueued_at=datetime.now(UTC))
    print(body.decode())
"""


def _git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def previous(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages as they were before their last change, to be imported instead of ours."""
    paths = [f"{folder}/{package}" for folder, package in PACKAGES.items()]
    try:
        commits = _git("rev-list", "--max-count=20", "HEAD", "--", *paths).decode().split()
    except (OSError, subprocess.CalledProcessError):
        commits = []
    for commit in commits:
        if not _git("diff", commit, "--", *paths):
            continue
        place = tmp_path_factory.mktemp("previous")
        for folder, package in PACKAGES.items():
            with tarfile.open(fileobj=io.BytesIO(_git("archive", f"{commit}:{folder}", package))) as archive:
                archive.extractall(place, filter="data")
        return place
    pytest.skip("the history does not hold the version before this one")


@pytest.fixture(scope="module")
def old_process(previous: Path) -> Generator[Victim]:
    victim = Victim("huntaze_common.testing.counting:SERVICE", path=str(previous))
    yield victim
    victim.close()


async def test_two_versions_share_a_schema_during_a_deploy(laboratory, volume, previous, old_process) -> None:
    """F18: the schema is the new one's; messages of both producers go to both, in copies; each is done once."""
    jobs = volume(10, 500)
    printed = subprocess.run(
        [sys.executable, "-c", ENVELOPES, str(jobs), str(previous)],
        env={"PYTHONPATH": str(previous)}, check=True, capture_output=True,
    ).stdout  # fmt: skip
    bodies = [*printed.splitlines(), *(laboratory.job(n) for n in range(jobs))]
    record = Record(jobs=len(bodies))
    async with laboratory.worker(old_process) as old, laboratory.worker() as new:
        await old.live(lease=5)
        await new.live(lease=5)
        lanes = asyncio.Semaphore(8)

        async def everywhere(body: bytes) -> None:
            async with lanes:
                await asyncio.gather(
                    *(laboratory.until_done(worker, body, record) for worker in (old, new) * 2)
                )

        await asyncio.gather(*(everywhere(body) for body in bodies))
    record.faults = record.deliveries - record.jobs
    assert (await laboratory.conclude("F18 two versions, 4 copies of each job", record)).jobs == record.jobs


@pytest.mark.parametrize("dies", ["old", "new"])
async def test_what_one_version_began_the_other_ends(laboratory, volume, old_process, dies: str) -> None:
    """F18: killed at an await in one version, done by the other: forwards in a deploy, backwards in a rollback."""
    async with laboratory.worker(old_process) as old, laboratory.worker() as new:
        first, second = (old, new) if dies == "old" else (new, old)
        await second.live()
        every = volume(6, 1)
        record = await kill_everywhere(first, laboratory.job, every=every, heir=second)
        await laboratory.send_what_waits(second)
    assert record.faults >= 18 // every
    await laboratory.conclude(f"F18 {dies} version killed, the other goes on", record)


async def test_a_message_of_tomorrow_is_refused_for_good_by_yesterday(laboratory, old_process) -> None:
    """F18: a field, an action or an envelope that it does not know: 489, and nothing is written."""
    envelope = json.loads(laboratory.job("a"))
    async with laboratory.worker(old_process) as old:
        await old.live()
        for change in (
            {"payload": {**envelope["payload"], "ofTomorrow": 1}},
            {"payload": {"action": "of-tomorrow"}},
            {"ofTomorrow": 1},
        ):
            answer = await old.deliver(json.dumps({**envelope, **change}).encode())
            assert answer is not None
            assert (answer.status_code, answer.json()["code"]) == (489, "payload_invalid")
    assert (await laboratory.effects()).rows == 0
