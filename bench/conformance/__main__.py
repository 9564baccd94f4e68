"""Run an official suite: `python -m bench.conformance python|javascript --suite PATH`.

PATH is a checkout of upstash/qstash-py or upstash/qstash-js; nothing of them is kept in this repository.
"""

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.conformance.destinations import public_hosts

_PYTHON_REQUIREMENTS = (
    "httpx>=0.27,<1",
    "pytest>=8.2.2,<9",
    "pytest-asyncio>=0.23.7,<0.24",
    "python-dotenv>=1.0.1,<2",
    "pyjwt>=2.8,<2.10",  # the suite signs with a number as jti, which newer versions refuse
)


@contextmanager
def server(rewrite: str, *further: str) -> Iterator[dict[str, str]]:
    """Start a clean qstash-local; yield the four variables that it prints."""
    command = [
        sys.executable,
        "-m",
        "qstash_local",
        "serve",
        "--data",
        ":memory:",
        "--quiet",
        "--rewrite",
        f"*={rewrite}",
    ]
    process = subprocess.Popen([*command, *further], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        lines = [process.stdout.readline().strip() for _ in range(4)]
        yield dict(line.split("=", 1) for line in lines)
    finally:
        process.terminate()
        process.wait(20)


def run_python(suite: Path, work: Path, arguments: list[str]) -> int:
    """Run the suite of qstash-py in an environment of its own; return pytest's status."""
    interpreter = work / "bin" / "python"
    if not interpreter.exists():
        venv.create(work, with_pip=True)
        install = [interpreter, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*install, *_PYTHON_REQUIREMENTS], check=True)
    with public_hosts() as rewrite, server(rewrite, "--port", "0") as environment:
        # The last requests go to an LLM helper: a key must be there, nothing checks it.
        own = {**os.environ, **environment, "OPENAI_API_KEY": "dummy", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [interpreter, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
        return subprocess.run(command, cwd=suite, env=own, check=False).returncode


def run_javascript(suite: Path, bun: str, arguments: list[str]) -> int:
    """Run the parts of the suite of qstash-js that need no foreign machine; return 0 if all passed."""
    for port in (8080, 8081, 8181, 8585):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                print(f"the suite's own mocks need port {port}, which something else uses", file=sys.stderr)
                return 2
    found = sorted(str(path.relative_to(suite)) for path in suite.glob("src/**/*.test.ts"))
    # binary.test.ts downloads the vendor's server; dev-server/index.test.ts wants a server on 8080.
    dev = [path for path in found if path.endswith("dev-server/index.test.ts")]
    rest = [path for path in found if "dev-server/binary" not in path and path not in dev]
    with tempfile.TemporaryDirectory() as home, public_hosts() as rewrite:
        own = {
            **os.environ,
            "HOME": home,
            "PATH": f"{Path(bun).absolute().parent}:{os.environ['PATH']}",
            "OPENAI_API_KEY": "dummy",
            "OPENAI_ORGANIZATION": "dummy",
        }
        statuses: list[int] = []
        for files, ports in (
            (arguments or rest, ("--port", "0")),
            ([] if arguments else dev, ("--log-port", "8181")),
        ):
            if files:
                with server(rewrite, *ports) as environment:
                    command = [bun, "test", "--timeout", "120000", *files]
                    statuses.append(
                        subprocess.run(command, cwd=suite, env={**own, **environment}, check=False).returncode
                    )
    return max(statuses, default=1)


def main() -> int:
    """Run the suite that the command line names."""
    parser = argparse.ArgumentParser(prog="python -m bench.conformance")
    parser.add_argument("sdk", choices=("python", "javascript"))
    parser.add_argument("--suite", type=Path, required=True, help="checkout of the SDK")
    parser.add_argument(
        "--work", type=Path, help="where the Python suite's environment is made (default: temporary)"
    )
    parser.add_argument("--bun", default="bun", help="the bun binary")
    options, arguments = parser.parse_known_args()
    if options.sdk == "javascript":
        return run_javascript(options.suite.resolve(), options.bun, arguments)
    if options.work is not None:
        return run_python(options.suite.resolve(), options.work.resolve(), arguments)
    with tempfile.TemporaryDirectory() as work:
        return run_python(options.suite.resolve(), Path(work), arguments)


if __name__ == "__main__":
    sys.exit(main())
