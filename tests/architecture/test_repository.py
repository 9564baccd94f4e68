"""The rules of the repository that a reader would otherwise have to remember."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    "contracts/huntaze_contracts",
    "libs/common/huntaze_common",
    "services/video/huntaze_video",
    "services/trends/huntaze_trends",
    "services/data/huntaze_data",
    "services/alerts/huntaze_alerts",
    "local/qstash/qstash_local",
    "local/stack/huntaze_local",
    "cli/huntaze_cli",
    "console/huntaze_console",
]
MODULES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
MOST_LINES = 400
SERVICES = ["video", "trends", "data", "alerts"]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", MODULES, ids=name_of)
def test_a_module_has_a_subject(path: Path) -> None:
    """A module that is called utils or grows without end has none."""
    assert path.stem not in {"utils", "util", "helpers", "helper", "misc", "commons", "tools", "stuff"}
    assert len(path.read_text(encoding="utf-8").splitlines()) <= MOST_LINES


def test_every_module_imports_without_settings() -> None:
    """Reading the environment or the network while importing breaks tests, builds and unrelated commands."""
    modules = [
        ".".join(path.relative_to((ROOT / package).parent).with_suffix("").parts).removesuffix(".__init__")
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__main__.py"
    ]
    assert len(modules) > 50
    program = (
        "import socket, importlib\n"
        "def refuse(*a, **k): raise RuntimeError('the network was used while importing')\n"
        "socket.socket.connect = refuse\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
    )
    subprocess.run([sys.executable, "-W", "error::RuntimeWarning", "-c", program], check=True, env={})


@pytest.mark.parametrize("service", SERVICES)
def test_services_have_the_same_rooms(service: str) -> None:
    """Whoever knows one service knows where things are in the next."""
    package = ROOT / "services" / service / f"huntaze_{service}"
    for room in ("__main__.py", "app.py", "job.py", "settings.py", "errors.py", "store.py", "queries.sql"):
        assert (package / room).is_file(), room
    assert list((package / "migrations").glob("[0-9][0-9][0-9][0-9]_p*.sql"))
    assert (ROOT / "services" / service / "README.md").is_file()


# The local stack and the victim process hand their own environment on to their children.
@pytest.mark.parametrize(
    "path",
    [p for p in MODULES if p.name != "__main__.py" and not {"huntaze_local", "testing"} & set(p.parts)],
    ids=name_of,
)
def test_the_environment_is_read_in_one_place(path: Path) -> None:
    """A service's settings are what `__main__` reads; a second reader would be a hidden setting."""
    assert "os.environ" not in path.read_text(encoding="utf-8")


def test_import_directions() -> None:
    """.importlinter holds the contracts; this runs them in every test run."""
    command = [str(Path(sys.executable).parent / "lint-imports"), "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_lock_holds_hashes_and_no_addresses() -> None:
    """An address would tie every clone to one index."""
    for lock in (ROOT / "3rdparty").rglob("*.lock"):
        text = lock.read_text(encoding="utf-8")
        assert "://" not in text
        requirements = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert all(line.endswith("\\") for line in requirements), lock.name


def test_every_dependency_of_ours_is_locked() -> None:
    """What a pyproject.toml asks for and the lock lacks would be missing in the next clone."""
    locked = set(
        re.findall(r"^([a-z0-9.\-]+)==", (ROOT / "3rdparty/requirements.lock").read_text(), re.MULTILINE)
    )
    for package in PACKAGES:
        project = tomllib.loads((ROOT / package).parent.joinpath("pyproject.toml").read_text())["project"]
        for dependency in project["dependencies"]:
            name = re.split(r"[\[<>=;! ]", dependency)[0].lower()
            assert name in locked | own_names(), dependency


def own_names() -> set[str]:
    files = [(ROOT / package).parent / "pyproject.toml" for package in PACKAGES]
    return {tomllib.loads(file.read_text())["project"]["name"] for file in files}


@pytest.mark.parametrize("image", [*SERVICES, "local"])
def test_an_image_gets_the_locked_versions(image: str) -> None:
    """What runs in production is what was tested here: each image's lock is a part of the repository's."""

    def versions(lock: str) -> set[str]:
        text = (ROOT / "3rdparty" / lock).read_text(encoding="utf-8")
        return set(re.findall(r"^([a-z0-9.\-]+==[^ ]+)", text, re.MULTILINE))

    assert versions(f"images/{image}.lock") <= versions("requirements.lock")
