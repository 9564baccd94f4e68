"""Pants reads this repository, and refuses the imports that docs/how-to/use-pants.md says it refuses."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CANNOT_BE_INSTALLED = 69
Pants = Callable[..., subprocess.CompletedProcess[str]]

pytestmark = [pytest.mark.pants, pytest.mark.timeout(400)]


def run_pants(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["sh", "build-support/pants.sh", *arguments]
    return subprocess.run(command, cwd=directory, check=False, capture_output=True, text=True)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the repository to plant files in; it shares what Pants has installed and cached."""
    install = ["sh", "build-support/install-pants.sh"]
    installed = subprocess.run(install, cwd=ROOT, check=False, capture_output=True, text=True)
    if installed.returncode == CANNOT_BE_INSTALLED:
        pytest.skip(installed.stderr.strip())
    assert installed.returncode == 0, installed.stderr
    directory = tmp_path_factory.mktemp("copy") / "repository"
    shutil.copytree(
        ROOT, directory, ignore=shutil.ignore_patterns(".*", "__pycache__", "node_modules", "dist")
    )
    state = ROOT / ".dev" / "pants"
    (directory / ".dev" / "pants").mkdir(parents=True)
    (directory / ".dev" / "venv").symlink_to(ROOT / ".dev" / "venv")
    for shared in ("venv", "pex"):
        (directory / ".dev" / "pants" / shared).symlink_to(state / shared)
    return directory


@pytest.fixture(scope="module")
def pants(copy: Path) -> Generator[Pants]:
    """Run Pants on the copy; its daemon remembers between runs what has not changed."""
    yield lambda *arguments: run_pants(copy, *arguments)
    for file in (copy / ".dev" / "pants" / "processes").glob("*/pantsd/pid"):
        os.kill(int(file.read_text()), signal.SIGTERM)


def test_no_import_breaks_a_rule(pants: Pants) -> None:
    """`dependencies` applies the rules to every import there is."""
    done = pants("dependencies", "::")
    assert done.returncode == 0, done.stderr


def test_every_module_belongs_to_a_target(pants: Pants, copy: Path) -> None:
    """A module that no BUILD file claims would be neither tested nor packaged after a change."""
    done = pants("list", "::")
    assert done.returncode == 0, done.stderr
    claimed = {address.partition(":")[0] for address in done.stdout.splitlines()}
    rooms = [copy / room for room in ("contracts", "libs", "services", "local", "tests")]
    modules = {str(module.relative_to(copy)) for room in rooms for module in room.rglob("*.py")}
    assert len(modules) > 100
    assert modules - claimed == set()


@pytest.mark.parametrize(
    ("place", "imported"),
    [
        ("services/trends/huntaze_trends", "huntaze_video.job"),
        ("services/trends/tests", "huntaze_video.job"),
        ("services/alerts/huntaze_alerts", "huntaze_local.postgres"),
        ("services/alerts/huntaze_alerts", "huntaze_common.testing.signing"),
        ("contracts/huntaze_contracts", "httpx"),
        ("local/qstash/qstash_local", "huntaze_common.errors"),
    ],
)
def test_a_forbidden_import_is_denied(pants: Pants, copy: Path, place: str, imported: str) -> None:
    """Services never meet, production stands without what is beside it, contracts need msgspec alone."""
    planted = copy / place / "test_planted.py"
    planted.write_text(f"import {imported}\n")
    try:
        done = pants("dependencies", f"{place}/test_planted.py")
    finally:
        planted.unlink()
    assert done.returncode == 1
    assert "DependencyRuleActionDeniedError" in done.stderr
