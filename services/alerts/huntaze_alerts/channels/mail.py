"""E-mail over SMTP."""

import html
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import format_datetime

import aiosmtplib
from huntaze_common.secret import Secret

from huntaze_alerts.errors import Deferred, Refused
from huntaze_alerts.messages import Item, Message


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    security: str
    """starttls, tls or none."""
    user: str | None
    password: Secret | None
    sender: str
    seconds: float
    """For handing in one mail."""


def mail_of(message: Message, *, sender: str, to: str) -> EmailMessage:
    """Write a message as e-mail. Its Message-ID follows from the key, so that a repetition looks like one."""
    mail = EmailMessage()
    mail["From"], mail["To"] = sender, to
    mail["Subject"] = " ".join(message.title.split())[:200]
    mail["Date"] = format_datetime(message.at)
    mail["Message-ID"] = f"<{message.key}@{sender.rpartition('@')[2].strip('>') or 'localhost'}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content("\n\n".join([*map(_text, message.items), *_omitted(message)]))
    chart = message.chart
    picture = f'<p><img src="cid:chart" width="600" alt="{html.escape(chart.alt)}"></p>' if chart else ""
    body = "".join([*map(_html, message.items), *(f"<p>{line}</p>" for line in _omitted(message)), picture])
    mail.add_alternative(f"<html><body>{body}</body></html>", subtype="html")
    if chart:
        page = mail.get_payload()[1]  # pyright: ignore[reportIndexIssue,reportArgumentType]
        assert isinstance(page, EmailMessage)
        page.add_related(chart.png, "image", "png", cid="<chart>", filename="chart.png")
    return mail


async def send_mail(mail: EmailMessage, server: MailServer) -> None:
    """Hand a mail in.

    Raises:
        Refused: the server will never take it.
        Deferred: it may later.
    """
    try:
        await aiosmtplib.send(
            mail,
            hostname=server.host,
            port=server.port,
            use_tls=server.security == "tls",
            start_tls=server.security == "starttls",
            username=server.user,
            password=server.password.reveal() if server.password else None,
            timeout=server.seconds,
        )
    except aiosmtplib.SMTPRecipientsRefused as error:
        _refuse(max(recipient.code for recipient in error.recipients))
    except aiosmtplib.SMTPResponseException as error:
        _refuse(error.code)
    except (aiosmtplib.SMTPException, OSError) as error:
        raise Deferred(f"the mail server did not answer ({type(error).__name__})") from None


def _refuse(code: int) -> None:
    # RFC 5321, 4.2.1: 4xx is for now, 5xx for good. What the server says beside may hold addresses.
    if code >= 500:
        raise Refused(f"the mail server answered {code}")
    raise Deferred(f"the mail server answered {code}")


def _text(item: Item) -> str:
    links = [f"{link.title}: {link.url}" for link in item.links]
    if item.runbook_url:
        links.append(f"Runbook: {item.runbook_url}")
    return "\n".join(filter(None, (item.title, item.text, *links)))


def _html(item: Item) -> str:
    links = [(link.title, link.url) for link in item.links]
    if item.runbook_url:
        links.append(("Runbook", item.runbook_url))
    anchors = " · ".join(f'<a href="{html.escape(url)}">{html.escape(title)}</a>' for title, url in links)
    return f"<h3>{html.escape(item.title)}</h3><p>{html.escape(item.text)}</p><p>{anchors}</p>"


def _omitted(message: Message) -> list[str]:
    return [f"… and {message.omitted} more"] if message.omitted else []
