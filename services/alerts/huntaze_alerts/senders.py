"""Each kind of channel, ready to send."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

import structlog

from huntaze_alerts.channels.chat import discord_request, slack_request, teams_request, telegram_request
from huntaze_alerts.channels.mail import MailServer, mail_of, send_mail
from huntaze_alerts.channels.pagerduty import pagerduty_request
from huntaze_alerts.channels.request import Post, Request, send
from huntaze_alerts.channels.webhook import webhook_request
from huntaze_alerts.delivery import Send
from huntaze_alerts.errors import Refused
from huntaze_alerts.messages import Message
from huntaze_alerts.store import Channel
from huntaze_alerts.vault import Vault

_log = structlog.get_logger()

Form = Callable[[Message, Channel, str], Request]
"""Makes the request of a message to a channel with its secret."""


@dataclass(frozen=True, slots=True)
class Outside:
    """What lies beyond this service: how to reach it, and where it is."""

    post: Post
    vault: Vault
    mail: MailServer | None
    pagerduty_url: str
    telegram_url: str

    def senders(self, now: Callable[[], datetime]) -> Mapping[str, Send]:
        """Return a sender for each kind of channel."""

        def over_http(form: Form) -> Send:
            async def send_message(message: Message, channel: Channel) -> str | None:
                request = form(message, channel, self.vault.decrypt(channel.secret))
                answer = await send(self.post, request, now=now())
                return answer.headers.get("x-request-id")

            return send_message

        forms: dict[str, Form] = {
            "slack": lambda message, _, url: slack_request(message, url),
            "discord": lambda message, _, url: discord_request(message, url),
            "teams": lambda message, _, url: teams_request(message, url),
            "telegram": lambda message, channel, token: telegram_request(
                message, self.telegram_url, token, channel.config["chat_id"]
            ),
            "pagerduty": lambda message, _, key: pagerduty_request(message, self.pagerduty_url, key),
            "webhook": lambda message, channel, secret: webhook_request(
                message, channel.config["url"], secret, now=now()
            ),
        }
        others: dict[str, Send] = {"log": _write_to_log, "email": self._send_mail}
        return MappingProxyType({kind: over_http(form) for kind, form in forms.items()} | others)

    async def _send_mail(self, message: Message, channel: Channel) -> str | None:
        if self.mail is None:
            raise Refused("SMTP_HOST is not set")
        mail = mail_of(message, sender=self.mail.sender, to=channel.config["address"])
        await send_mail(mail, self.mail)
        return mail["Message-ID"]


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
