"""The console's settings: those of the operator's command, and how people get in."""

from typing import Annotated

from huntaze_cli.settings import OperatorSettings
from huntaze_common.secret import Secret
from huntaze_common.settings import Port, Url
from msgspec import Meta

SHORTEST_PASSWORD = 16


class ConsoleSettings(OperatorSettings, frozen=True, kw_only=True):
    """Each field is one variable, named in upper case; `NAME_FILE` may name a file that holds it."""

    console_password: Secret
    """What people log in with; 16 characters or more. Another one ends all sessions."""
    public_base_url: Url = "http://127.0.0.1:8005"
    """How browsers address the console. Behind a proxy, the outer URL."""
    schedules_file: str = ""
    """`deploy/schedules.toml`, to show in what QStash's schedules differ from it."""
    monthly_budget: Annotated[float, Meta(ge=0)] = 10.0
    """US dollars that a month may cost, as a mark on the cost page."""
    host: str = "127.0.0.1"
    port: Port = 8005
