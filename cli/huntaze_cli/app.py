"""The command's tree, and the launcher that gives each command its session."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, CycloptsError, Group, Parameter

from huntaze_cli.failures import CommandFailed, Exit, usage
from huntaze_cli.session import SWITCH, Session

_GLOBAL = Group("Everywhere", sort_key=9)
_WORK = Group("Work", sort_key=1)
_RUN = Group("Operate", sort_key=2)
_MORE = Group("More", sort_key=3)
_COMMANDS = (
    ("enqueue", "enqueue:app", _WORK, "Send a job, checked against its contract first."),
    ("jobs", "jobs:app", _WORK, "See, follow, cancel and retry jobs."),
    ("messages", "messages:app", _WORK, "Messages under way, and QStash's log of them."),
    ("dlq", "dlq:app", _WORK, "The dead-letter queue: list, show, retry, delete."),
    ("schedules", "schedules:app", _RUN, "Declare schedules in a file and keep QStash to it."),
    ("keys", "keys:app", _RUN, "Signing keys: their state and their rotation."),
    ("doctor", "doctor:app", _RUN, "Check settings, keys, clocks, database and services."),
    ("cost", "cost:app", _RUN, "Estimate the month's bill, beside the alternatives."),
    ("dev", "dev:app", _MORE, "Run the whole platform on this machine."),
)


def build() -> App:
    """Make the command's tree; a group's module is imported when it is used."""
    app = App(
        name="huntaze",
        help="Run and repair Huntaze's background jobs, on Upstash or the local stack.",
        help_format="plaintext",
        version_flags=[],
        help_flags=["--help", "-h"],
    )
    app["--help"].group = _MORE
    for name, place, group, text in _COMMANDS:
        app.command(f"huntaze_cli.{place}", name=name, group=group, help=text)
    app.register_install_completion_command(name="--install-completion", help="Completion for this shell.")
    app["--install-completion"].group = _MORE
    return app


def run(arguments: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run one command and return its exit code."""
    app = build()
    app.meta.group_parameters = _GLOBAL
    state: dict[str, Any] = {}

    @app.meta.default
    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        json: Annotated[bool, SWITCH, Parameter(help="Write results as JSON.")] = False,
        local: Annotated[bool, SWITCH, Parameter(help="Use the stack that ./dev up runs here.")] = False,
        env_file: Annotated[Path | None, Parameter(help="Read settings from this file, too.")] = None,
    ) -> int:
        state["json"] = json
        return _launch(app, tokens, environment, as_json=json, local=local, env_file=env_file)

    try:
        code = app.meta(list(arguments), exit_on_error=False, print_error=False, result_action="return_value")
        return int(code or 0)
    except CycloptsError as error:
        failure = usage(str(error), "Add --help to see what it takes.")
    except CommandFailed as error:
        failure = error
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        return Exit.FAILED
    from huntaze_cli.terminal import Terminal

    Terminal(as_json=state.get("json", "--json" in arguments)).failure(failure)
    return failure.code


def _launch(
    app: App,
    tokens: Sequence[str],
    environment: Mapping[str, str],
    *,
    as_json: bool,
    local: bool,
    env_file: Path | None,
) -> int:
    command, bound, ignored = app.parse_args(list(tokens), exit_on_error=False, print_error=False)
    if "session" not in ignored:
        return int(command(*bound.args, **bound.kwargs) or 0)
    from huntaze_cli.terminal import Terminal

    session = Session(Terminal(as_json=as_json), environment, env_file=env_file, local=local)
    bound.arguments["session"] = session
    try:
        return int(command(*bound.args, **bound.kwargs) or 0)
    finally:
        session.close()
