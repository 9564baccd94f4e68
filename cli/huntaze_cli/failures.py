"""How a command ends, and what it tells when it did not do what was asked."""

from enum import IntEnum


class Exit(IntEnum):
    """The exit codes, as docs/reference/cli.md lists them."""

    DONE = 0
    FAILED = 1
    """It was asked for correctly and the answer is no: a job failed, a check found something."""
    USAGE = 2
    """A wrong option, payload or setting; nothing was sent."""
    DRIFT = 3
    """A plan or dry run found changes to make."""
    UNREACHABLE = 4
    """A server did not answer, or did not accept who asks."""
    INTERRUPTED = 130


class CommandFailed(Exception):
    """A command could not do what was asked; ``hint`` says what to do next."""

    def __init__(self, message: str, *, hint: str = "", code: Exit = Exit.FAILED) -> None:
        """Take texts for the person at the terminal; neither may hold a secret."""
        super().__init__(message)
        self.hint = hint
        self.code = code


def usage(message: str, hint: str = "") -> CommandFailed:
    """Make the failure of a command that was not understood: nothing was sent."""
    return CommandFailed(message, hint=hint, code=Exit.USAGE)
