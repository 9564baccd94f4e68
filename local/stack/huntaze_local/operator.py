"""Hand the operator's command, `huntaze --local`, the settings of the stack that runs."""

import os
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from huntaze_contracts.registry import WORKERS

from huntaze_local.stack import BUCKET, QSTASH_TOKEN, SIGNING_KEYS, Stack

FILE = "operator.env"
"""In the stack's directory, where `huntaze --local` looks for it."""


def settings(stack: Stack) -> dict[str, str]:
    """Return the command's settings, by the names of their variables."""
    key_id, secret = stack.object_keys
    return {
        "QSTASH_URL": stack.urls["qstash"],
        "QSTASH_TOKEN": QSTASH_TOKEN,
        "QSTASH_CURRENT_SIGNING_KEY": SIGNING_KEYS[0],
        "QSTASH_NEXT_SIGNING_KEY": SIGNING_KEYS[1],
        "WORKER_URLS": ",".join(f"{worker.name}={stack.urls[worker.service]}" for worker in WORKERS.values()),
        "STATUS_TOKEN_KEY": stack.status_token_key,
        "DATABASE_URL": stack.dsn("huntaze_data"),
        "S3_BUCKET": BUCKET,
        "S3_ENDPOINT_URL": stack.urls["objects"],
        "AWS_ACCESS_KEY_ID": key_id,
        "AWS_SECRET_ACCESS_KEY": secret,
    }


@contextmanager
def settings_file(stack: Stack, path: Path) -> Generator[None]:
    """Keep the settings in a file that only we may read, while the stack runs."""
    path.unlink(missing_ok=True)
    lines = "".join(f"{name}={value}\n" for name, value in settings(stack).items())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(lines)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
