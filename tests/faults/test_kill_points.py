"""F1: kill -9 at every await of a job. Nothing is lost, nothing happens twice."""

from huntaze_common.testing.killing import kill_everywhere


async def test_a_kill_at_any_await_loses_and_doubles_nothing(laboratory, volume) -> None:
    """Each job's effects are there once, its object is there, and its follow-up message was sent once."""
    async with laboratory.worker() as worker:
        record = await kill_everywhere(worker, laboratory.job, every=volume(2, 1))
        await laboratory.send_what_waits(worker)

    effects = await laboratory.conclude("F1 kill -9 at every await", record)
    assert record.faults > 15
    assert effects.jobs == record.jobs + 1
    assert len(laboratory.qstash.published) == effects.jobs
    assert len(list(laboratory.objects.iterdir())) == effects.jobs
