"""What the handlers work with."""

from dataclasses import dataclass

from qstash_local.core.clock import Clock
from qstash_local.core.plans import Plan
from qstash_local.dispatch.dispatcher import Dispatcher
from qstash_local.store.database import Database
from qstash_local.store.keys import KeyRing


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of a running server."""

    database: Database
    clock: Clock
    plan: Plan
    keys: KeyRing
    dispatcher: Dispatcher
    token: str
    read_only_token: str | None = None
