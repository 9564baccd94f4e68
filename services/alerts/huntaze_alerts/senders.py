"""Each kind of channel, ready to send."""

from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType

import structlog

from huntaze_alerts.channels.request import Post, Request, send
from huntaze_alerts.channels.webhook import webhook_request
from huntaze_alerts.delivery import Send
from huntaze_alerts.messages import Message
from huntaze_alerts.store import Channel
from huntaze_alerts.vault import Vault

_log = structlog.get_logger()

Form = Callable[[Message, Channel, str], Request]
"""Makes the request of a message to a channel with its secret."""


def make_senders(*, post: Post, vault: Vault, now: Callable[[], datetime]) -> Mapping[str, Send]:
    """Return a sender for each kind of channel that is configured."""

    def over_http(form: Form) -> Send:
        async def send_message(message: Message, channel: Channel) -> str | None:
            await send(post, form(message, channel, vault.decrypt(channel.secret)), now=now())
            return None

        return send_message

    return MappingProxyType(
        {
            "log": _write_to_log,
            "webhook": over_http(
                lambda message, channel, secret: webhook_request(
                    message, channel.config["url"], secret, now=now()
                )
            ),
        }
    )


async def _write_to_log(message: Message, channel: Channel) -> str | None:
    for item in message.items:
        _log.warning(
            "alert",
            channel=channel.id,
            kind=item.kind,
            severity=item.severity,
            title=item.title,
            text=item.text,
        )
    if message.omitted:
        _log.warning("alerts_omitted", channel=channel.id, omitted=message.omitted)
    return None
