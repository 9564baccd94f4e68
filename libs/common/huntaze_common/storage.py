"""Private objects in an S3-compatible store, through boto3 in threads of its own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from huntaze_common.errors import PermanentFailure, UpstreamUnavailable
from huntaze_common.settings import Bucket

T = TypeVar("T")

_THREADS = 4
_PART = 8 * 1024 * 1024
_MISSING = {"404", "NoSuchKey", "NotFound"}
_BEHIND_THE_END = {"416", "InvalidRange"}


class ObjectMissing(PermanentFailure):
    """There is no object with this key."""

    code = "object_missing"


class S3ObjectStore:
    """One bucket. Objects are private; links to them are made when they are used, never stored."""

    def __init__(self, client: Any, bucket: str, executor: ThreadPoolExecutor) -> None:
        """Made by `open_object_store`."""
        self._client = client
        self._bucket = bucket
        self._executor = executor
        self._transfer = TransferConfig(
            multipart_threshold=_PART, multipart_chunksize=_PART, use_threads=False
        )

    async def put(self, key: str, data: bytes | Path, *, content_type: str) -> None:
        """Store an object under a key made from its content; what is there already is not sent again.

        Large objects go up in parts of 8 MiB.

        Raises:
            UpstreamUnavailable: the store did not take it.
        """
        size = len(data) if isinstance(data, bytes) else data.stat().st_size  # noqa: ASYNC240 - one local stat
        if await self._stored_size(key) == size:
            return
        if isinstance(data, Path):
            options = {"ContentType": content_type}
            await self._call(
                self._client.upload_file,
                str(data),
                self._bucket,
                key,
                ExtraArgs=options,
                Config=self._transfer,
            )
        else:
            await self._call(
                self._client.put_object, Bucket=self._bucket, Key=key, Body=data, ContentType=content_type
            )

    async def size(self, key: str) -> int:
        """Return an object's size in bytes.

        Raises:
            ObjectMissing: there is none.
            UpstreamUnavailable: the store did not answer.
        """
        size = await self._stored_size(key)
        if size is None:
            raise ObjectMissing(f"there is no object '{key}'")
        return size

    async def get(self, key: str) -> bytes:
        """Read a small object whole.

        Raises:
            ObjectMissing, UpstreamUnavailable.
        """

        def read() -> bytes:
            return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()

        return await self._call(read, key=key)

    async def read_range(self, key: str, start: int, length: int) -> bytes:
        """Read ``length`` bytes from ``start``; fewer at the end, none behind it.

        Raises:
            ObjectMissing, UpstreamUnavailable.
        """
        if length <= 0:
            return b""

        def read() -> bytes:
            span = f"bytes={start}-{start + length - 1}"
            try:
                return self._client.get_object(Bucket=self._bucket, Key=key, Range=span)["Body"].read()
            except ClientError as error:
                if _code(error) in _BEHIND_THE_END:
                    return b""
                raise

        return await self._call(read, key=key)

    async def download(self, key: str, path: Path) -> None:
        """Write an object into a file, part by part.

        Raises:
            ObjectMissing, UpstreamUnavailable.
        """
        await self._call(
            self._client.download_file, self._bucket, key, str(path), Config=self._transfer, key=key
        )

    async def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already.

        Raises:
            UpstreamUnavailable: the store did not answer.
        """
        await self._call(self._client.delete_object, Bucket=self._bucket, Key=key)

    async def list_keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with ``prefix``, in order.

        Raises:
            UpstreamUnavailable: the store did not answer.
        """

        def read() -> list[str]:
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

        return await self._call(read)

    async def presigned_get(self, key: str, *, seconds: int) -> str:
        """Make a link that reads one object for some seconds. Make it when it is used: it is a secret."""
        parameters = {"Bucket": self._bucket, "Key": key}
        return await self._call(
            self._client.generate_presigned_url, "get_object", Params=parameters, ExpiresIn=seconds
        )

    async def _stored_size(self, key: str) -> int | None:
        try:
            head: Mapping[str, Any] = await self._call(
                self._client.head_object, Bucket=self._bucket, Key=key, key=key
            )
        except ObjectMissing:
            return None
        return head["ContentLength"]

    async def _call(self, function: Callable[..., T], *arguments: Any, key: str = "", **options: Any) -> T:
        call = partial(function, *arguments, **options)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, call)
        except ClientError as error:
            if key and _code(error) in _MISSING:
                raise ObjectMissing(f"there is no object '{key}'") from None
            raise UpstreamUnavailable(f"the object store answered {_code(error)}") from error
        except (BotoCoreError, Boto3Error) as error:
            raise UpstreamUnavailable(f"the object store did not answer ({type(error).__name__})") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


@asynccontextmanager
async def open_object_store(bucket: Bucket) -> AsyncGenerator[S3ObjectStore]:
    """Open a bucket; nothing is sent before the first use."""
    client = boto3.client(
        "s3",
        endpoint_url=bucket.endpoint_url,
        region_name=bucket.region,
        aws_access_key_id=bucket.key_id and bucket.key_id.reveal(),
        aws_secret_access_key=bucket.secret_key and bucket.secret_key.reveal(),
        config=Config(
            signature_version="s3v4",
            # Stores other than Amazon's do not all know the checksum trailers that are sent by default.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            s3={"addressing_style": "path" if bucket.endpoint_url else "auto"},
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 3, "mode": "standard"},
            max_pool_connections=_THREADS,
        ),
    )
    executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="object-store")
    try:
        yield S3ObjectStore(client, bucket.name, executor)
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
        client.close()
