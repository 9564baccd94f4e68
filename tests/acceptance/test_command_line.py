"""The operator's command against the whole platform."""

import asyncio
import json
import os
import sys
from pathlib import Path

from huntaze_local import operator
from huntaze_local.stack import Stack


async def huntaze(stack: Stack, directory: Path, *arguments: str, **changed: str) -> tuple[int, str, str]:
    """Run the command as a process, with the settings that `./dev up` writes."""
    with operator.settings_file(stack, directory / operator.FILE):
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "huntaze_cli", "--env-file", str(directory / operator.FILE), *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env={"PATH": os.environ["PATH"], **changed},
        )
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_the_doctor_finds_a_healthy_platform(stack: Stack, tmp_path: Path) -> None:
    code, out, err = await huntaze(stack, tmp_path, "--json", "doctor")
    assert code == 0, out + err
    assert {each["state"] for each in json.loads(out)} == {"ok"}
    assert not (tmp_path / operator.FILE).exists()


async def test_a_job_is_sent_followed_and_found(stack: Stack, tmp_path: Path) -> None:
    job = ("enqueue", "data-processing", "calculate-user-stats", "--wait", "--job-id", "cli-acceptance")
    code, out, err = await huntaze(stack, tmp_path, "--json", *job)
    assert code == 0, err
    assert json.loads(out)["result"]["users"] > 0
    _, listed, _ = await huntaze(stack, tmp_path, "--json", "jobs", "list", "--service", "data")
    assert "cli-acceptance" in [each["jobId"] for each in json.loads(listed)]
    code, _, err = await huntaze(stack, tmp_path, "jobs", "retry", "cli-acceptance")
    assert (code, "only failed and cancelled jobs run again" in err) == (1, True)


async def test_the_stack_has_the_declared_schedules_and_keys(stack: Stack, tmp_path: Path) -> None:
    """The stack and the command make the same schedules out of one file."""
    code, out, _ = await huntaze(stack, tmp_path, "schedules", "plan")
    assert (code, "no difference" in out) == (0, True)
    code, out, _ = await huntaze(stack, tmp_path, "--json", "keys", "status")
    assert code == 0
    assert {each["keys"] for each in json.loads(out)["deployed"]} == {"current"}
