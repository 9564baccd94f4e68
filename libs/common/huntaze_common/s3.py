"""One bucket through boto3, as blocking calls; `storage` runs them in threads.

Imported by the first call and not before: boto3 and its model of S3 take a third of a second to load, which
every cold start would pay.
"""

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
from boto3.exceptions import Boto3Error
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from huntaze_common.errors import UpstreamUnavailable
from huntaze_common.settings import Bucket
from huntaze_common.storage import ObjectMissing

_PART = 8 * 1024 * 1024
_TRANSFER = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, use_threads=False)
_MISSING = {"404", "NoSuchKey", "NotFound"}
_BEHIND_THE_END = {"416", "InvalidRange"}


class S3Bucket:
    """A bucket of any S3-compatible store; safe for threads, and each of them uses one connection.

    All methods raise `UpstreamUnavailable` when the store does not answer or refuses, and those that read an
    object `ObjectMissing` when there is none.
    """

    def __init__(self, bucket: Bucket, *, connections: int) -> None:
        """Make the client; nothing is sent yet."""
        self._name = bucket.name
        self._client: Any = boto3.client(
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
                max_pool_connections=connections,
            ),
        )

    def put(self, key: str, data: bytes | Path, content_type: str) -> None:
        """Store an object; a file goes up in parts of 8 MiB."""
        with _failures(key):
            if isinstance(data, bytes):
                self._client.put_object(Bucket=self._name, Key=key, Body=data, ContentType=content_type)
            else:
                options = {"ContentType": content_type}
                self._client.upload_file(str(data), self._name, key, ExtraArgs=options, Config=_TRANSFER)

    def size(self, key: str) -> int:
        """Return an object's size in bytes."""
        with _failures(key):
            return self._client.head_object(Bucket=self._name, Key=key)["ContentLength"]

    def get(self, key: str) -> bytes:
        """Read an object whole."""
        with _failures(key):
            return self._client.get_object(Bucket=self._name, Key=key)["Body"].read()

    def get_range(self, key: str, start: int, length: int) -> bytes:
        """Read at most ``length`` bytes from ``start``; none behind the end."""
        with _failures(key):
            span = f"bytes={start}-{start + length - 1}"
            try:
                return self._client.get_object(Bucket=self._name, Key=key, Range=span)["Body"].read()
            except ClientError as error:
                if _code(error) in _BEHIND_THE_END:
                    return b""
                raise

    def download(self, key: str, path: Path) -> None:
        """Write an object into a file, part by part."""
        with _failures(key):
            self._client.download_file(self._name, key, str(path), Config=_TRANSFER)

    def delete(self, key: str) -> None:
        """Delete an object; one that is not there is deleted already."""
        with _failures(key):
            self._client.delete_object(Bucket=self._name, Key=key)

    def list_keys(self, prefix: str) -> list[str]:
        """Return the keys that begin with ``prefix``, in order."""
        with _failures(prefix):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._name, Prefix=prefix)
            return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def presigned_get(self, key: str, seconds: int) -> str:
        """Make a link that reads one object for some seconds."""
        with _failures(key):
            parameters = {"Bucket": self._name, "Key": key}
            return self._client.generate_presigned_url("get_object", Params=parameters, ExpiresIn=seconds)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()


@contextmanager
def _failures(key: str) -> Generator[None]:
    try:
        yield
    except ClientError as error:
        if _code(error) in _MISSING:
            raise ObjectMissing(f"there is no object '{key}'") from None
        raise UpstreamUnavailable(f"the object store answered {_code(error)}") from error
    except (BotoCoreError, Boto3Error) as error:
        raise UpstreamUnavailable(f"the object store did not answer ({type(error).__name__})") from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
