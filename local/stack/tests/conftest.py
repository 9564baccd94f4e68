"""Fixtures for the local stack's tests: programs of the stack as real processes."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path

import pytest


class Program:
    """A module run as a process of its own, that answers /healthz on the port it is given."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        with socket.create_server(("127.0.0.1", 0)) as probe:
            self.port: int = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = [sys.executable, "-m", *arguments, "--port", str(self.port)]
        self._environment = {"PATH": os.environ["PATH"], **(environment or {})}
        self.start()

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.process = subprocess.Popen(self._command, env=self._environment)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, "it ended at once"
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1).close()
            except OSError:
                time.sleep(0.02)
            else:
                return
        raise AssertionError("it did not answer")

    def stop(self, signum: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(signum)
        return self.process.wait(15)


@pytest.fixture(scope="module")
def run_program() -> Generator[Callable[..., Program]]:
    """Start programs that are stopped after the module's tests."""
    programs: list[Program] = []

    def run(*arguments: str, environment: dict[str, str] | None = None) -> Program:
        programs.append(Program(*arguments, environment=environment))
        return programs[-1]

    yield run
    for program in programs:
        program.stop()


@pytest.fixture(scope="module")
def module_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory for the module's tests together."""
    return tmp_path_factory.mktemp("module")
