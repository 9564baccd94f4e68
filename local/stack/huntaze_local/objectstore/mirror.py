"""Keep moto's objects on disk, and only there.

After each request that may have changed something, what moto holds is compared with what the disk holds, and
the difference is written before the answer is sent. An object is two files in its bucket's directory::

    DIRECTORY/BUCKET/<random>.blob           the bytes
    DIRECTORY/BUCKET/<SHA-256 of key>.json   key, metadata and the name of the blob

The object exists with its second file, which is renamed into place after the first is on disk: a crash leaves
the old object or the new one. moto's own copy of the bytes is then replaced by the file, so memory does not
grow with the store and a start reads no bytes.
"""

import hashlib
import os
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import msgspec
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.s3.models import FakeBucket, FakeKey, S3Backend, s3_backends

if TYPE_CHECKING:
    from tempfile import SpooledTemporaryFile

CHUNK = 1 << 20  # bytes copied at a time
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """All of an object but its bytes."""

    key: str
    blob: str
    size: int
    etag: str
    modified: datetime
    metadata: dict[str, str]
    storage_class: str | None
    checksum_algorithm: str | None = None
    checksum_value: str | None = None
    checksum_type: str | None = None
    checksum_parts: int | None = None


class Blob:
    """The bytes of an object as moto reads them, with no file held open in between."""

    def __init__(self, path: Path) -> None:
        """Read from ``path``, which nothing changes any more."""
        self._path = path
        self._position = 0

    def seek(self, position: int) -> None:
        """Read from ``position`` next."""
        self._position = position

    def read(self, size: int = -1) -> bytes:
        """Return up to ``size`` bytes, or all that is left."""
        with self._path.open("rb") as file:
            file.seek(self._position)
            content = file.read(size)
        self._position += len(content)
        return content

    def close(self) -> None:
        """Do nothing: whether the file stays is for the mirror to say."""


class Mirror:
    """The directory of all objects, and moto's memory of them."""

    def __init__(self, directory: Path) -> None:
        """Put into moto what ``directory`` holds, and remove what a crash has left unfinished."""
        self._directory = directory
        self._backend: S3Backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        self._mirrored: dict[str, dict[str, FakeKey]] = {}
        self._blobs: dict[FakeKey, Path] = {}
        directory.mkdir(parents=True, exist_ok=True)
        for place in directory.iterdir():
            self._mirrored[place.name] = dict(self._restore(place))

    def sync(self) -> None:
        """Bring the disk up to what moto holds; when this returns, it is durable.

        The caller keeps requests that change something out meanwhile.
        """
        for name in self._mirrored.keys() - self._backend.buckets.keys():
            shutil.rmtree(self._directory / name)
            _flush(self._directory)
            del self._mirrored[name]
        for name, bucket in list(self._backend.buckets.items()):
            if name not in self._mirrored:
                self._make_place(name)
            self._sync_bucket(bucket, self._mirrored[name])

    def ensure(self, buckets: Iterable[str]) -> None:
        """Make the buckets that are not there."""
        for name in buckets:
            if name not in self._backend.buckets:
                self._backend.create_bucket(name, "us-east-1")
        self.sync()

    def _make_place(self, name: str) -> None:
        if not BUCKET_NAME.fullmatch(name):  # moto looks at the length only, and this becomes a path
            del self._backend.buckets[name]
            raise ValueError(f"{name!r} is no name of a bucket")
        (self._directory / name).mkdir()
        _flush(self._directory)
        self._mirrored[name] = {}

    def _sync_bucket(self, bucket: FakeBucket, mirrored: dict[str, FakeKey]) -> None:
        place = self._directory / bucket.name
        current = _current_keys(bucket)
        changed = [name for name, key in current.items() if mirrored.get(name) is not key]
        removed = [name for name in mirrored if name not in current]
        if not changed and not removed:
            return
        stale: list[Path] = []
        for name in changed:
            blob = _write(place, current[name])
            if name in mirrored:
                stale.append(self._blobs.pop(mirrored[name]))
            mirrored[name] = current[name]
            self._blobs[current[name]] = blob
        for name in removed:
            _record_path(place, name).unlink()
            stale.append(self._blobs.pop(mirrored.pop(name)))
        _flush(place)
        for blob in stale:
            blob.unlink()

    def _restore(self, place: Path) -> Iterator[tuple[str, FakeKey]]:
        """Make a bucket in moto of the directory ``place``."""
        bucket = self._backend.create_bucket(place.name, "us-east-1")
        unknown = set(place.iterdir())
        for path in place.glob("*.json"):
            record = msgspec.json.decode(path.read_bytes(), type=Record)
            blob = place / record.blob
            key = _restored_key(record, bucket)
            _use_file(key, blob)
            bucket.keys[record.key] = key
            unknown -= {path, blob}
            self._blobs[key] = blob
            yield record.key, key
        for path in unknown:
            path.unlink()


def _current_keys(bucket: FakeBucket) -> dict[str, FakeKey]:
    """Return the newest version of each object. This runs at every change, over all objects."""
    versions = cast("dict[str, list[object]]", dict(bucket.keys))
    newest = ((name, keys[-1]) for name, keys in versions.items() if keys)
    return {name: key for name, key in newest if isinstance(key, FakeKey)}  # and no marker of deletion


def _write(place: Path, key: FakeKey) -> Path:
    """Write the object ``key`` into its bucket's directory, and let moto use the file from now on."""
    blob = place / f"{secrets.token_hex(16)}.blob"
    buffer = _buffer(key)
    with key.lock, blob.open("xb") as file:
        buffer.seek(0)
        shutil.copyfileobj(buffer, file, CHUNK)
        file.flush()
        os.fsync(file.fileno())
    record = Record(
        key=key.name,
        blob=blob.name,
        size=key.size,
        etag=key.etag.strip('"'),
        modified=key.last_modified,
        metadata=dict(cast("Any", key.metadata)),
        storage_class=key.storage_class,
        checksum_algorithm=key.checksum_algorithm,
        checksum_value=_text(key.checksum_value),
        checksum_type=key.checksum_type,
        checksum_parts=key.checksum_parts,
    )
    fresh = blob.with_suffix(".new")
    with fresh.open("xb") as file:
        file.write(msgspec.json.encode(record))
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(_record_path(place, key.name))
    _use_file(key, blob)
    return blob


def _restored_key(record: Record, bucket: FakeBucket) -> FakeKey:
    key = cast(
        "FakeKey",
        FakeKey(
            name=record.key,
            value=b"",
            account_id=bucket.account_id,
            region_name=bucket.region_name,
            storage=record.storage_class,
            etag=record.etag,
            version_id="null",
            bucket_name=bucket.name,
            checksum_value=record.checksum_value,
            checksum_type=record.checksum_type,
            checksum_parts=record.checksum_parts,
        ),
    )
    key.checksum_algorithm = record.checksum_algorithm
    key.contentsize = record.size
    key.last_modified = record.modified
    key.set_metadata(dict(record.metadata))
    return key


def _buffer(key: FakeKey) -> "SpooledTemporaryFile[bytes] | Blob":
    return key._value_buffer  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _use_file(key: FakeKey, blob: Path) -> None:
    """Make ``blob`` the place where moto reads the object from.

    moto has no public way to say so. The tests of this store fail if the attribute goes away.
    """
    with key.lock:
        _buffer(key).close()
        key._value_buffer = cast("Any", Blob(blob))  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def _record_path(place: Path, key: str) -> Path:
    """Return the path of a key's record; a hash, because a key may hold any character and 1,024 bytes."""
    return place / f"{hashlib.sha256(key.encode('utf-8', 'surrogateescape')).hexdigest()}.json"


def _text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _flush(directory: Path) -> None:
    """Wait until the names in ``directory`` are on disk."""
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
