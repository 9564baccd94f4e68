"""The TypeScript package: built and tested by Node, and a job from a Next.js-style route to its result."""

import hashlib
import json
import os
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from huntaze_common.secret import Secret
from huntaze_common.tokens import make_token
from huntaze_local.stack import QSTASH_TOKEN, SIGNING_KEYS, Stack

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "contracts/typescript"
VALIDATE = """
const { Parser } = require("@asyncapi/parser");
const text = require("fs").readFileSync("asyncapi.json", "utf8");
new Parser().parse(text).then(({ document, diagnostics }) => {
  console.log(JSON.stringify({ parsed: Boolean(document), diagnostics }));
});
"""


def run(*command: str, directory: Path, **environment: str) -> str:
    done = subprocess.run(
        command, cwd=directory, capture_output=True, text=True, timeout=300, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="session")
def package() -> Path:
    """The package, installed from its lock and compiled below .dev, where it is kept for the next run."""
    if not (shutil.which("node") and shutil.which("npm")):
        if "CI" in os.environ:
            pytest.fail("CI has no Node")
        pytest.skip("needs Node 20 or newer and npm; CI has them")
    lock = (SOURCE / "package-lock.json").read_bytes()
    built = ROOT / ".dev" / f"jobs-{hashlib.sha256(lock).hexdigest()[:12]}"
    shutil.copytree(SOURCE, built, dirs_exist_ok=True, ignore=shutil.ignore_patterns("node_modules", "dist*"))
    shutil.copytree(ROOT / "contracts/examples", built / "examples", dirs_exist_ok=True)
    shutil.copy(ROOT / "contracts/asyncapi.json", built)
    if not (built / "node_modules/.package-lock.json").is_file():
        run("npm", "ci", "--ignore-scripts", directory=built)
    run("node", "node_modules/typescript/bin/tsc", directory=built)
    run("node", "node_modules/typescript/bin/tsc", "-p", "example", directory=built)
    return built


@pytest.mark.timeout(600)
def test_node_tests_the_package(package: Path) -> None:
    """What is wrong with a job is said before it is sent, and the validators take every worked example."""
    run("node", "--test", "test/enqueue.test.mjs", directory=package)


def test_the_official_parser_accepts_the_asyncapi_document(package: Path) -> None:
    answer = json.loads(run("node", "-e", VALIDATE, directory=package))
    assert answer == {"parsed": True, "diagnostics": []}


def test_a_route_enqueues_and_hears_by_polling_and_by_callback(package: Path, stack: Stack) -> None:
    """Through the local QStash and the running alerts service, with the compiled package as its users have it."""
    token = make_token(
        Secret(stack.status_token_key), user_id="u1", expires=datetime.now(UTC) + timedelta(minutes=5)
    )
    told = run(
        *("node", "dist-example/run.js"),
        directory=package,
        QSTASH_URL=stack.urls["qstash"],
        QSTASH_TOKEN=QSTASH_TOKEN,
        QSTASH_CURRENT_SIGNING_KEY=SIGNING_KEYS[0],
        QSTASH_NEXT_SIGNING_KEY=SIGNING_KEYS[1],
        ALERTS_URL=stack.urls["alerts"],
        STATUS_TOKEN=token,
    )
    seen = json.loads(told)
    result = {"action": "send-notification", "channels": seen["polled"]["result"]["channels"]}
    assert (seen["accepted"], seen["forged"]) == (202, 401)
    assert seen["refused"][0] == 422
    assert "title" in seen["refused"][1]["error"]
    assert seen["polled"] == seen["heard"]
    assert seen["polled"] == {**seen["polled"], "ok": True, "worker": "alert-checker", "result": result}
