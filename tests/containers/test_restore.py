"""A back-up goes into an empty database, and the jobs that it knows as undone are done."""

import asyncio
import secrets

import asyncpg
from huntaze_contracts.data import CalculateUserStats

SCRIPT = "run --rm --no-deps -T --entrypoint sh roles /database/manage.sh"


def replace_by_an_empty_database(platform) -> None:
    async def run() -> None:
        connection = await asyncpg.connect(platform.dsn("postgres"))
        await connection.execute("DROP DATABASE huntaze WITH (FORCE)")
        await connection.execute("CREATE DATABASE huntaze TEMPLATE template0")
        await connection.close()

    asyncio.run(run())


def test_a_restored_database_goes_on_where_the_back_up_was_made(platform) -> None:
    """Jobs that were done stay done, those that QStash still holds are done once, in all schemas."""
    prefix, count = f"restore-{secrets.token_hex(6)}", 20
    for number in range(count // 2):
        platform.publish("data-processing", CalculateUserStats(), f"{prefix}-{number}", flow="parallelism=1")
    done = {row["job_id"] for row in platform.finished("data", prefix, count=count // 2)}
    platform.hold_back("data-processing", hold=True)
    for number in range(count // 2, count):
        platform.publish("data-processing", CalculateUserStats(), f"{prefix}-{number}", flow="parallelism=1")
    platform.compose("stop data")
    before = platform.query("SELECT count(*), max(finished_at) FROM video.job")
    file = platform.secrets / "backup"
    platform.compose(f"{SCRIPT} backup > {file}")

    replace_by_an_empty_database(platform)
    platform.compose(f"{SCRIPT} restore < {file}")
    platform.compose("start data")
    platform.hold_back("data-processing", hold=False)
    jobs = platform.finished("data", prefix, count=count)

    print(
        f"back-up of {file.stat().st_size / 1e6:.1f} MB; {len(done)} of {count} jobs were done when it was made"
    )
    assert len(done) == count // 2
    assert {job["state"] for job in jobs} == {"succeeded"}
    assert {job["deliveries"] for job in jobs if job["job_id"] in done} == {1}
    assert platform.query("SELECT count(*), max(finished_at) FROM video.job") == before
    assert platform.query("SELECT * FROM ops_read.job_outcomes LIMIT 1")
