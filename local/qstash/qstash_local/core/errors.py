"""Why a request is refused."""


class Refused(Exception):
    """A request that the API answers with an error instead of doing it.

    Attributes:
        status: HTTP status of the answer.
        message: text of the JSON field ``error``; it never holds a secret.
        headers: further headers of the answer.
    """

    def __init__(self, status: int, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.headers = headers or {}


def invalid(message: str) -> Refused:
    """Return the refusal of a malformed request."""
    return Refused(400, message)


def not_found(message: str) -> Refused:
    """Return the refusal of a request about something that does not exist."""
    return Refused(404, message)


def over_limit(message: str) -> Refused:
    """Return the refusal of a request that the plan does not allow."""
    return Refused(412, message)
