"""The whole platform on loopback, once for all acceptance tests."""

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
import pytest_asyncio
from huntaze_local.sample_clip import make_sample_clip
from huntaze_local.stack import Stack, running_stack


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
