"""What a server is started with."""

from dataclasses import dataclass, field
from pathlib import Path

from qstash_local.core.identities import DEV_IDENTITIES, Identity
from qstash_local.core.plans import PLANS, Plan
from qstash_local.core.rewrite import Rewrites


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one server; ``data`` is None for a server that keeps everything in memory."""

    host: str = "127.0.0.1"
    port: int = 8080
    log_port: int | None = None
    data: Path | None = None
    plan: Plan = PLANS["payg"]
    rewrites: Rewrites = field(default_factory=lambda: Rewrites({}))
    identity: Identity = DEV_IDENTITIES[0]
    read_only_token: str | None = None
    region: str = "EU-CENTRAL-1"
    control: bool = False
