"""The object store as its users see it: boto3 against a process that is killed now and then."""

import concurrent.futures
import hashlib
import os
import signal
import threading
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import botocore.credentials
import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

KEYS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "only a test's secret"}
BUCKET = "things"
ODD_KEYS = (
    "p",
    "p/b",
    "x/",
    "a//b",
    "./dot",
    "../up",
    "k" * 1000,
    "s" * 300 + "/t",
    " é+%&=~🙂?#;",
    ".hidden",
    "Up",
    "up",
)


@pytest.fixture(scope="module")
def store(run_program: Callable[..., Any], module_directory: Path) -> Any:
    """The running store, with one bucket."""
    arguments = ("huntaze_local.objectstore", "--directory", str(module_directory), "--bucket", BUCKET)
    return run_program(*arguments, environment=KEYS)


def client_of(store: Any, secret: str = KEYS["AWS_SECRET_ACCESS_KEY"]) -> Any:
    return boto3.client(
        "s3",
        endpoint_url=store.url,
        region_name="us-east-1",
        aws_access_key_id=KEYS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4", retries={"total_max_attempts": 1}),
    )


@pytest.fixture(scope="module")
def s3(store: Any) -> Any:
    """A client with the right key."""
    return client_of(store)


def status(error: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = error.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def read(s3: Any, key: str, **more: str) -> bytes:
    return s3.get_object(Bucket=BUCKET, Key=key, **more)["Body"].read()


def all_of(s3: Any, key: str) -> dict[str, Any]:
    """Return what a client can see of an object."""
    answer = s3.get_object(Bucket=BUCKET, Key=key)
    seen = (
        "ETag",
        "ContentType",
        "Metadata",
        "LastModified",
        "CacheControl",
        "ContentDisposition",
        "ContentLength",
    )
    return {"body": answer["Body"].read(), **{name: answer.get(name) for name in seen}}


def test_everything_of_an_object_survives_kill_9(store: Any, s3: Any) -> None:
    """Bytes, metadata, types and times; of what was copied and uploaded in parts as well."""
    told = {
        "ContentType": "image/jpeg",
        "CacheControl": "max-age=1",
        "ContentDisposition": 'inline; filename="x"',
    }
    s3.put_object(Bucket=BUCKET, Key="first", Body=b"old")
    s3.put_object(Bucket=BUCKET, Key="first", Body=b"new", Metadata={"Camera": "a b"}, **told)
    s3.copy_object(Bucket=BUCKET, Key="copy", CopySource={"Bucket": BUCKET, "Key": "first"})
    s3.put_object(Bucket=BUCKET, Key="gone", Body=b"x")
    s3.delete_object(Bucket=BUCKET, Key="gone")
    upload(s3, "parts", b"a" * (5 << 20), b"b")
    before = {key: all_of(s3, key) for key in ("first", "copy", "parts")}
    store.stop(signal.SIGKILL)
    store.start()
    assert {key: all_of(s3, key) for key in before} == before
    assert before["copy"]["Metadata"] == {"camera": "a b"}
    assert before["parts"]["ETag"].endswith('-2"')
    with pytest.raises(ClientError) as error:
        read(s3, "gone")
    assert status(error) == ("NoSuchKey", 404)


def upload(s3: Any, key: str, *parts: bytes, **condition: str) -> None:
    """Upload an object in parts."""
    place = {"Bucket": BUCKET, "Key": key}
    place["UploadId"] = s3.create_multipart_upload(**place, ContentType="video/mp4")["UploadId"]
    tags = [s3.upload_part(**place, PartNumber=n, Body=part)["ETag"] for n, part in enumerate(parts, 1)]
    done = {"Parts": [{"PartNumber": n, "ETag": tag} for n, tag in enumerate(tags, 1)]}
    s3.complete_multipart_upload(**place, MultipartUpload=done, **condition)


def test_what_was_acknowledged_survives_a_kill_under_load(
    store: Any, s3: Any, module_directory: Path
) -> None:
    """The answer comes after the disk; and nothing half-written is left behind."""
    acknowledged: list[int] = []
    enough = threading.Event()

    def write() -> None:
        try:
            for number in range(100_000):
                s3.put_object(Bucket=BUCKET, Key=f"load/{number}", Body=b"%d " % number * 5000)
                acknowledged.append(number)
                if number == 25:
                    enough.set()
        except (BotoCoreError, ClientError):
            return

    with concurrent.futures.ThreadPoolExecutor() as pool:
        pool.submit(write)
        assert enough.wait(30)
        store.stop(signal.SIGKILL)
    store.start()
    for number in acknowledged:
        assert read(s3, f"load/{number}") == b"%d " % number * 5000
    place = module_directory / "buckets" / BUCKET
    assert len(list(place.glob("*.json"))) == len(list(place.glob("*.blob")))
    assert not list(place.glob("*.new"))


@pytest.mark.parametrize("key", ODD_KEYS, ids=lambda key: key[:12])
def test_any_key_can_be_used_beside_any_other(s3: Any, key: str) -> None:
    """Keys are no file names."""
    s3.put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    assert read(s3, key) == key.encode()


@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=60),
    st.binary(),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_was_put_is_got_listed_and_deleted(s3: Any, name: str, body: bytes) -> None:
    """The life of an object, under any name."""
    key = f"lives/{name}"
    s3.put_object(Bucket=BUCKET, Key=key, Body=body)
    assert read(s3, key) == body
    assert [found["Key"] for found in s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["Contents"]] == [key]
    s3.delete_object(Bucket=BUCKET, Key=key)
    assert s3.list_objects_v2(Bucket=BUCKET, Prefix=key)["KeyCount"] == 0


@pytest.mark.parametrize(
    ("asked", "expected"),
    [("bytes=2-4", b"234"), ("bytes=7-", b"789"), ("bytes=-2", b"89"), ("bytes=8-99", b"89")],
)
def test_ranges(s3: Any, asked: str, expected: bytes) -> None:
    """Players seek, and probes read only the head of a clip."""
    s3.put_object(Bucket=BUCKET, Key="digits", Body=b"0123456789")
    answer = s3.get_object(Bucket=BUCKET, Key="digits", Range=asked)
    assert (answer["ResponseMetadata"]["HTTPStatusCode"], answer["Body"].read()) == (206, expected)


def test_one_writer_wins(s3: Any) -> None:
    """What is written once only stays as it was written, however many try at the same time."""

    def write(number: int) -> bool:
        try:
            s3.put_object(Bucket=BUCKET, Key="race", Body=b"%d" % number * 9000, IfNoneMatch="*")
        except ClientError as error:
            return error.response["ResponseMetadata"]["HTTPStatusCode"] != 412
        return True

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        won = [number for number, success in enumerate(pool.map(write, range(8))) if success]
    assert [b"%d" % number * 9000 for number in won] == [read(s3, "race")]
    with pytest.raises(ClientError) as error:
        upload(s3, "race", b"x", IfNoneMatch="*")
    assert status(error)[1] == 412


def test_listings_come_in_pages_and_in_order(s3: Any) -> None:
    """And deletion takes many at once, also what is not there."""
    keys = [f"pages/{number:02}" for number in range(12)]
    for key in reversed(keys):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"")
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=BUCKET, Prefix="pages/", PaginationConfig={"PageSize": 5}
    )
    assert [[found["Key"] for found in page["Contents"]] for page in pages] == [
        keys[:5],
        keys[5:10],
        keys[10:],
    ]
    doomed = [{"Key": key} for key in [*keys, "pages/never"]]
    assert len(s3.delete_objects(Bucket=BUCKET, Delete={"Objects": doomed})["Deleted"]) == 13


def test_a_link_reads_one_object_and_no_other(s3: Any) -> None:
    """It carries the right to what it names, until it ends; a browser uses it without any key."""
    s3.put_object(Bucket=BUCKET, Key="secret/a", Body=b"a")
    s3.put_object(Bucket=BUCKET, Key="secret/b", Body=b"b")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": BUCKET, "Key": "secret/a"}, ExpiresIn=60)
    with urllib.request.urlopen(link) as answer:
        assert answer.read() == b"a"
    for bad in (
        link.replace("secret/a", "secret/b"),
        link.replace("Expires=60", "Expires=600"),
        link.split("?")[0],
    ):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(bad)
        assert error.value.code == 403
        error.value.close()


def test_the_wrong_key_opens_nothing(store: Any) -> None:
    """moto alone would let it in."""
    with pytest.raises(ClientError) as error:
        client_of(store, "another secret").list_buckets()
    assert status(error) == ("SignatureDoesNotMatch", 403)


def test_a_bucket_lives_and_dies_with_its_directory(store: Any, s3: Any) -> None:
    """Its deletion must survive a kill as well."""
    for name in ("short-lived", "long-lived"):
        s3.create_bucket(Bucket=name)
        s3.put_object(Bucket=name, Key="x", Body=b"x")
        s3.delete_object(Bucket=name, Key="x")
    s3.delete_bucket(Bucket="short-lived")
    store.stop(signal.SIGKILL)
    store.start()
    assert sorted(bucket["Name"] for bucket in s3.list_buckets()["Buckets"]) == ["long-lived", BUCKET]


@pytest.mark.parametrize("name", ["...", "a%2F..%2F..%2Fb", "UPPER"])
def test_a_bucket_has_a_name_that_s3_allows(store: Any, name: str) -> None:
    """It becomes a directory, so a name must not lead elsewhere."""
    request = AWSRequest("PUT", f"{store.url}/{name}")
    key = botocore.credentials.Credentials(KEYS["AWS_ACCESS_KEY_ID"], KEYS["AWS_SECRET_ACCESS_KEY"])
    S3SigV4Auth(key, "s3", "us-east-1").add_auth(request)
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(
            urllib.request.Request(request.url, method="PUT", headers=dict(request.headers))
        )
    error.value.close()
    assert error.value.code >= 400
    assert name not in [bucket["Name"] for bucket in client_of(store).list_buckets()["Buckets"]]


def test_memory_does_not_grow_with_the_store(store: Any, s3: Any) -> None:
    """moto keeps small objects in memory; here they are on disk only."""
    body = os.urandom(1 << 20)
    sizes: list[int] = []
    for number in range(64):
        s3.put_object(Bucket=BUCKET, Key=f"heavy/{number}", Body=body)
        sizes.append(resident(store.process.pid))
    assert sizes[-1] - sizes[7] < 28 << 20
    assert hashlib.sha256(read(s3, "heavy/7")).digest() == hashlib.sha256(body).digest()


def resident(pid: int) -> int:
    """Return the bytes that a process has in memory."""
    status_file = Path(f"/proc/{pid}/status")
    if not status_file.exists():
        pytest.skip("looks into /proc")
    line = next(line for line in status_file.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


def test_a_second_store_on_the_same_directory_is_refused(
    run_program: Callable[..., Any], store: Any, module_directory: Path
) -> None:
    """Each would take the other's objects for leftovers."""
    with pytest.raises(AssertionError, match="it ended at once"):
        run_program("huntaze_local.objectstore", "--directory", str(module_directory), environment=KEYS)


def test_a_missing_key_is_named(
    run_program: Callable[..., Any], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A store without a key would let everybody in, so there is none."""
    with pytest.raises(AssertionError, match="it ended at once"):
        run_program("huntaze_local.objectstore", "--directory", str(tmp_path))
    assert "lacks AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in capfd.readouterr().err
