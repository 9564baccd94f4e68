"""Flags out of contracts."""

import pytest
from huntaze_cli.flags import check, fill, flags_of
from huntaze_contracts.registry import WORKERS
from huntaze_contracts.video import VideoProcessing

RESERVED = {
    *("--payload", "--user", "--job-id", "--delay", "--at", "--retries", "--callback", "--wait", "--timeout"),
    *("--print", "--json", "--local", "--env-file", "--help"),
}
PAYLOADS = [
    kind
    for worker in WORKERS.values()
    for kind in (
        [worker.payload] if isinstance(worker.payload, type) else worker.payload.__args__  # one, or a union
    )
]


@pytest.mark.parametrize("contract", PAYLOADS, ids=lambda each: each.__name__)
def test_no_field_hides_an_option(contract: type) -> None:
    """A field called dryRun once took --dry-run from the command, which then sent the job."""
    names = [flag.name for flag in flags_of(contract)]
    assert len(names) == len(set(names))
    assert not set(names) & RESERVED


def test_nested_fields_get_dotted_flags() -> None:
    names = {flag.name for flag in flags_of(VideoProcessing)}
    assert {"--video-id", "--source.kind", "--source.key", "--source.url", "--grid-layout.rows"} <= names


def test_a_tag_follows_from_the_fields() -> None:
    flags = flags_of(VideoProcessing)
    payload = fill({}, flags, {"field_video_id": "v", "field_source__url": "https://example.com/v.mp4"})
    assert check(payload, VideoProcessing).source.url == "https://example.com/v.mp4"
