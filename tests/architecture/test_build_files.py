"""Every distribution is declared to Pants the same way, and every room of the repository has an owner."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROJECTS = sorted(
    path.parent
    for room in ("contracts", "libs", "services", "local", "cli", "console")
    for path in (ROOT / room).glob("**/pyproject.toml")
)
PANTS = tomllib.loads((ROOT / "pants.toml").read_text("utf-8"))


def place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def import_package(project: Path) -> str:
    settings = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    return settings["tool"]["uv"]["build-backend"]["module-name"]


@pytest.mark.parametrize("project", PROJECTS, ids=place)
def test_a_distribution_is_declared_once(project: Path) -> None:
    """One BUILD file beside each pyproject.toml, none below: the macro's globs cover what is there."""
    build = (project / "BUILD").read_text("utf-8")
    if project.parent.name == "services":
        assert build == f'service("{project.name}")\n'
    else:
        assert re.match(rf'package\(\s*"{import_package(project)}"', build)
    assert [place(path) for path in project.rglob("BUILD")] == [place(project / "BUILD")]


def test_a_current_release_is_pinned() -> None:
    """Two people who run the official launcher run the same Pants."""
    version = tuple(int(part) for part in PANTS["GLOBAL"]["pants_version"].split("."))
    assert len(version) == 3
    assert version >= (2, 31, 0)


def test_pants_resolves_from_our_lock() -> None:
    """A lock of its own would drift from the one that everything else installs."""
    assert PANTS["python"]["resolves"] == {"default": "3rdparty/requirements.lock"}
    assert 'source="requirements.lock"' in (ROOT / "3rdparty/BUILD").read_text("utf-8")


def owned_patterns() -> list[str]:
    lines = (ROOT / "CODEOWNERS").read_text("utf-8").splitlines()
    return [line.split()[0] for line in lines if line and not line.startswith("#")]


def test_everything_that_changes_alone_has_an_owner() -> None:
    """A review of a contract or a service is asked of those who live with it."""
    contracts = (ROOT / "contracts/huntaze_contracts").glob("*.py")
    modules = [f"/{place(path)}" for path in contracts if path.stem != "__init__"]
    directories = [f"/{place(project)}/" for project in PROJECTS]
    assert set(modules + directories) - set(owned_patterns()) == set()


def test_every_owned_path_exists() -> None:
    """A line for something that moved would leave its new place without an owner."""
    assert [pattern for pattern in owned_patterns() if not (ROOT / pattern.strip("/*")).exists()] == []
