"""The whole platform on loopback, once for all acceptance tests."""

import os
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from huntaze_local.sample_clip import make_sample_clip
from huntaze_local.stack import Stack, running_stack
from playwright.async_api import Browser, Page, async_playwright


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Stack]:
    """Everything that `./dev up` starts, with data of its own."""
    async with running_stack(tmp_path_factory.mktemp("stack"), tell=print) as running:
        yield running


@pytest.fixture(scope="session")
def clip(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The demo's sample clip."""
    path: Path = tmp_path_factory.mktemp("clip") / "sample.mp4"
    make_sample_clip(path)
    return path.read_bytes()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    """The machine's own Chromium, without a window."""
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if program is None:
        if "CI" in os.environ:
            pytest.fail("CI has no Chromium: see build-support/chromium.sh")
        pytest.skip("needs Chromium or Chrome on PATH: build-support/chromium.sh installs it")
    quiet = ("--disable-background-networking", "--disable-component-update", "--disable-sync")
    async with async_playwright() as playwright:
        running = await playwright.chromium.launch(
            executable_path=program, args=["--no-sandbox", "--disable-gpu", "--disable-quic", *quiet]
        )
        yield running
        await running.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(stack: Stack, browser: Browser) -> AsyncGenerator[Page]:
    """A page of the console, logged in; nothing may fail in the browser while it is used."""
    context = await browser.new_context(base_url=stack.urls["console"], timezone_id="Europe/Paris")
    opened = await context.new_page()
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.on("console", lambda line: wrong.append(line.text) if "Content Security" in line.text else None)
    await opened.goto("/login")
    await opened.fill("input[name=password]", stack.console_password)
    await opened.click("text=Log in")
    yield opened
    await context.close()
    assert wrong == []
