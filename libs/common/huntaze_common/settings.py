"""Settings of a worker: typed, from environment variables, all mistakes reported together.

Only a service's `__main__` reads the environment; everything else takes values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta

from huntaze_common.errors import ConfigurationError
from huntaze_common.secret import Secret

# The four identities of QStash's development servers are public: whoever knows them can sign.
PUBLIC_DEVELOPMENT_KEYS = frozenset(
    {
        "sig_7kYjw48mhY7kAjqNGcy6cr29RJ6r",
        "sig_5ZB6DVzB1wjE8S6rZ7eenA8Pdnhs",
        "sig_7GVPjvuwsfqF65iC8fSrs1dfYruM",
        "sig_5NoELc3EFnZn4DVS5bDs2Nk4b7Ua",
        "sig_6jWGaWRxHsw4vMSPJprXadyvrybF",
        "sig_7qHbvhmahe5GwfePDiS5Lg3pi6Qx",
        "sig_5T8FcSsynBjn9mMLBsXhpacRovJf",
        "sig_7GFR4YaDshFcqsxWRZpRB161jguD",
    }
)

Url = Annotated[str, Meta(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")]
Port = Annotated[int, Meta(ge=0, le=65535)]


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What every worker needs. Each field is one variable, named in upper case.

    A variable ``NAME_FILE`` may name a file that holds the value of ``NAME``, for secrets given as files.
    """

    environment: Literal["production", "development"] = "production"
    """In development: public signing keys, plain http links and loopback addresses are accepted."""
    public_base_url: Url
    """How QStash addresses this service: the `sub` of every token. Behind a proxy, the outer URL."""
    database_url: Secret
    """postgresql://… of the service's own least-privilege role."""
    database_pool_size: Annotated[int, Meta(ge=2, le=100)] = 5
    qstash_url: Url = "https://qstash.upstash.io"
    qstash_token: Secret
    qstash_current_signing_key: Secret
    qstash_next_signing_key: Secret
    worker_urls: str = ""
    """Public URLs of the services that this one sends jobs to: `alert-checker=https://…,data-processing=…`."""
    status_token_key: Secret | None = None
    """Key (HS256, 32 characters or more) of the status API's bearer tokens; without it, the API is closed."""
    host: str = "0.0.0.0"  # noqa: S104 - a container listens on all its interfaces
    port: Port = 8000
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    lease_seconds: Annotated[float, Meta(ge=1, le=3600)] = 60.0
    """How long a job whose process died stays taken; the lease of a living one is renewed."""
    shutdown_grace: Annotated[float, Meta(ge=1, le=3600)] = 10.0
    """Seconds between the platform's SIGTERM and its SIGKILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Where objects are kept."""

    name: str
    endpoint_url: str | None
    """None for Amazon's own store."""
    region: str
    key_id: Secret | None
    """None where the platform gives the process an identity."""
    secret_key: Secret | None


class ObjectStoreSettings(WorkerSettings, frozen=True, kw_only=True):
    """What a worker needs that keeps private objects in an S3-compatible store."""

    s3_bucket: str
    s3_endpoint_url: Url | None = None
    """Only for stores other than Amazon's."""
    s3_region: str = "us-east-1"
    aws_access_key_id: Secret | None = None
    """With the secret key; without them, the platform's own identity is used."""
    aws_secret_access_key: Secret | None = None

    @property
    def bucket(self) -> Bucket:
        """The bucket that these settings describe."""
        return Bucket(
            name=self.s3_bucket,
            endpoint_url=self.s3_endpoint_url,
            region=self.s3_region,
            key_id=self.aws_access_key_id,
            secret_key=self.aws_secret_access_key,
        )


S = TypeVar("S")


def from_environment(kind: type[S], environment: Mapping[str, str]) -> S:
    """Build settings of ``kind``; an empty value counts as absent.

    Raises:
        ConfigurationError: naming every missing or wrong variable, never a value.
    """
    hints = get_type_hints(kind, include_extras=True)
    problems: list[str] = []
    values: dict[str, Any] = {}
    for field in msgspec.structs.fields(kind):  # pyright: ignore[reportArgumentType]
        name = field.name.upper()
        try:
            text = read_variable(name, environment)
            if text:
                values[field.name] = msgspec.convert(text, hints[field.name], strict=False, dec_hook=_decode)
            elif field.required:
                problems.append(f"{name} is missing")
        except OSError as error:
            problems.append(f"{name}_FILE cannot be read ({error.strerror})")
        except UnicodeDecodeError:
            problems.append(f"{name}_FILE cannot be read (it is no text)")
        except msgspec.ValidationError as error:
            problems.append(f"{name} is wrong: {_expectation(hints[field.name], error)}")
    if problems:
        raise ConfigurationError("; ".join(problems))
    return kind(**values)


def parse_worker_urls(text: str) -> dict[str, str]:
    """Split ``name=url,name=url`` into a mapping without trailing slashes.

    Raises:
        ConfigurationError: naming WORKER_URLS, when a part is not ``name=http…``.
    """
    urls: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        name, separator, url = part.partition("=")
        if not separator or not url.startswith(("http://", "https://")):
            raise ConfigurationError("WORKER_URLS is wrong: write name=https://…, separated by commas")
        urls[name.strip()] = url.strip().rstrip("/")
    return urls


def refuse_public_keys(settings: WorkerSettings) -> None:
    """Refuse to run in production with keys that everyone knows.

    Raises:
        ConfigurationError: naming the variables.
    """
    keys = {settings.qstash_current_signing_key.reveal(), settings.qstash_next_signing_key.reveal()}
    if settings.environment == "production" and keys & PUBLIC_DEVELOPMENT_KEYS:
        raise ConfigurationError(
            "QSTASH_CURRENT_SIGNING_KEY or QSTASH_NEXT_SIGNING_KEY is one of QStash's public development"
            " keys; set your own, or ENVIRONMENT=development on a developer's machine"
        )


def read_variable(name: str, environment: Mapping[str, str]) -> str:
    """Return the value of ``name``, or what the file holds that ``NAME_FILE`` names; '' if there is neither.

    Raises:
        OSError: the file can't be read.
    """
    if value := environment.get(name):
        return value
    if file := environment.get(f"{name}_FILE"):
        return Path(file).read_text(encoding="utf-8").strip()
    return ""


def _decode(kind: type, value: Any) -> Any:
    if kind is Secret:
        return Secret(str(value))
    if issubclass(kind, Path):
        return Path(str(value))
    raise NotImplementedError(kind)  # how msgspec wants to hear that a type is none of ours


def _expectation(hint: Any, error: msgspec.ValidationError) -> str:
    # msgspec quotes a value that is not in a Literal; what was expected helps more and leaks nothing.
    if get_origin(hint) is Literal:
        return "expected one of " + ", ".join(get_args(hint))
    return str(error)
