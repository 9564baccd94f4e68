"""The object store against a real server of the S3 API that checks every signature."""

import socket
from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import httpx
import pytest
from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.secret import Secret
from huntaze_common.settings import Bucket
from huntaze_common.storage import ObjectMissing, S3ObjectStore, open_object_store

LARGE = bytes(range(256)) * 4096 * 10  # 10 MiB: more than one part


@pytest.fixture
async def store(bucket: Bucket) -> AsyncGenerator[S3ObjectStore]:
    async with open_object_store(bucket) as opened:
        yield opened


async def test_what_is_put_is_read_back(store: S3ObjectStore) -> None:
    await store.put("a/small", b"picture", content_type="image/png")

    assert await store.get("a/small") == b"picture"
    assert await store.size("a/small") == 7


async def test_a_file_larger_than_a_part_goes_up_whole(store: S3ObjectStore, tmp_path: Path) -> None:
    (tmp_path / "large").write_bytes(LARGE)
    await store.put("a/large", tmp_path / "large", content_type="video/mp4")
    await store.download("a/large", tmp_path / "back")

    assert (tmp_path / "back").read_bytes() == LARGE


async def test_the_same_object_is_sent_once(bucket: Bucket, store: S3ObjectStore) -> None:
    """Keys are made from content, so an object of that key and size is the same object."""
    await store.put("b/once", b"first", content_type="image/png")
    link = await store.presigned_get("b/once", seconds=60)
    before = httpx.get(link, trust_env=False).headers
    await store.put("b/once", b"again", content_type="image/png")

    assert await store.get("b/once") == b"first"
    assert httpx.get(link, trust_env=False).headers["last-modified"] == before["last-modified"]


@pytest.mark.parametrize(
    ("start", "length", "expected"),
    [(0, 3, b"012"), (4, 4, b"4567"), (8, 100, b"89"), (10, 5, b""), (500, 1, b""), (3, 0, b"")],
)
async def test_a_range_ends_where_the_object_ends(
    store: S3ObjectStore, start: int, length: int, expected: bytes
) -> None:
    await store.put("c/digits", b"0123456789", content_type="text/plain")
    assert await store.read_range("c/digits", start, length) == expected


async def test_a_missing_object_never_comes_by_trying_again(store: S3ObjectStore, tmp_path: Path) -> None:
    for reading in (
        store.get("no/such"),
        store.size("no/such"),
        store.read_range("no/such", 0, 1),
        store.download("no/such", tmp_path / "x"),
    ):
        with pytest.raises(ObjectMissing, match="'no/such'"):
            await reading


async def test_deleting_twice_is_deleting_once(store: S3ObjectStore) -> None:
    await store.put("d/gone", b"x", content_type="text/plain")
    await store.delete("d/gone")
    await store.delete("d/gone")

    with pytest.raises(ObjectMissing):
        await store.size("d/gone")


async def test_objects_are_private_and_a_link_reads_one(bucket: Bucket, store: S3ObjectStore) -> None:
    await store.put("e/private", b"secret picture", content_type="image/webp")
    link = await store.presigned_get("e/private", seconds=60)

    answer = httpx.get(link, trust_env=False)
    assert (answer.content, answer.headers["content-type"]) == (b"secret picture", "image/webp")
    assert httpx.get(f"{bucket.endpoint_url}/private/e/private", trust_env=False).status_code == 403
    assert httpx.get(link.replace("e/private", "b/once"), trust_env=False).status_code == 403


async def test_a_refusing_store_is_a_reason_to_try_later(bucket: Bucket) -> None:
    """A wrong key is repaired by its operator; the job is as good as before. The key is not in the error."""
    async with open_object_store(replace(bucket, secret_key=Secret("canary-wrong"))) as store:
        with pytest.raises(UpstreamUnavailable) as failed:
            await store.get("a/small")
    assert "canary" not in str(failed.value)


async def test_a_missing_bucket_is_a_reason_to_try_later(bucket: Bucket, tmp_path: Path) -> None:
    """Its operator makes it; an upload of a file fails with an error of another kind than the rest."""
    (tmp_path / "large").write_bytes(LARGE)
    async with open_object_store(replace(bucket, name="nowhere")) as store:
        with pytest.raises(UpstreamUnavailable):
            await store.put("f/large", tmp_path / "large", content_type="video/mp4")
        with pytest.raises(UpstreamUnavailable, match="NoSuchBucket"):
            await store.get("f/large")


async def test_a_store_that_is_down_is_a_reason_to_try_later(bucket: Bucket) -> None:
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        closed = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    async with open_object_store(replace(bucket, endpoint_url=closed)) as store:
        with pytest.raises(UpstreamUnavailable, match="did not answer"):
            await store.put("g/x", b"x", content_type="text/plain")
