"""Where the platform is and what lets us in: from the environment, or from a file that a stack wrote."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret
from huntaze_common.settings import Url, from_environment, parse_worker_urls

from huntaze_cli.failures import CommandFailed, usage

LOCAL_FILE = Path(".dev", "data", "operator.env")
"""What `./dev up` writes while it runs, seen from the repository's root."""
HOSTED = ".upstash.io"


class OperatorSettings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of the command; each is asked for only by the commands that need it.

    The variables have the names and forms of the services' own.
    """

    qstash_url: Url = "https://qstash.upstash.io"
    qstash_token: Secret | None = None
    qstash_current_signing_key: Secret | None = None
    qstash_next_signing_key: Secret | None = None
    worker_urls: str = ""
    """Public URL of each worker's service: `video-processing=https://…,content-trends=https://…`."""
    status_token_key: Secret | None = None
    database_url: Secret | None = None
    s3_bucket: str = ""
    s3_endpoint_url: Url | None = None
    s3_region: str = "us-east-1"
    aws_access_key_id: Secret | None = None
    aws_secret_access_key: Secret | None = None

    @property
    def hosted(self) -> bool:
        """Whether QStash is Upstash's, which reaches public addresses only."""
        return f".{urlsplit(self.qstash_url).hostname or ''}".endswith(HOSTED)

    def urls(self) -> dict[str, str]:
        """Return the public base URL of each worker.

        Raises:
            CommandFailed: WORKER_URLS is missing or wrong.
        """
        if not self.worker_urls:
            raise missing("WORKER_URLS")
        try:
            return parse_worker_urls(self.worker_urls)
        except ConfigurationError as error:
            raise usage(str(error)) from None


def read_settings(environment: Mapping[str, str], env_file: Path | None) -> OperatorSettings:
    """Build the settings; what the file says wins over the environment.

    Raises:
        CommandFailed: naming every wrong variable, never a value.
    """
    values = {**environment, **dict(_lines(env_file))} if env_file else environment
    try:
        settings = from_environment(OperatorSettings, values)
    except ConfigurationError as error:
        raise usage(str(error)) from None
    if urlsplit(settings.qstash_url).path.strip("/"):
        raise usage(
            "QSTASH_URL has a path", "Give the server alone, without /v2/publish: https://host[:port]"
        )
    return settings


def local_file(start: Path) -> Path:
    """Find the file of the running local stack in ``start`` or a directory above it.

    Raises:
        CommandFailed: no stack runs.
    """
    for directory in (start, *start.parents):
        if (directory / LOCAL_FILE).is_file():
            return directory / LOCAL_FILE
    raise usage("no local stack runs here", "Start it in another terminal: ./dev up   (or: huntaze dev)")


def missing(*variables: str) -> CommandFailed:
    """Say which variables a command needs."""
    names = " and ".join(variables)
    return usage(
        f"{names} {'are' if len(variables) > 1 else 'is'} not set",
        "Set it in the environment, give --env-file FILE, or use --local while `./dev up` runs.",
    )


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise usage(f"{path} cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(text.splitlines(), 1):
        name, separator, value = line.strip().removeprefix("export ").partition("=")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not separator:
            raise usage(f"{path}, line {number}: write NAME=value")
        yield name.strip(), value.strip().strip("'\"")
