"""Messages in the forms of chat programs: Slack, Discord, Teams and Telegram.

None takes an idempotency key.
"""

import html
from collections.abc import Callable

from huntaze_alerts.channels.request import Request, json_request
from huntaze_alerts.messages import Item, Message

_COLOURS = {"info": 0x17A2B8, "warning": 0xFD7E14, "error": 0xDC3545, "critical": 0x8B0000}
_OVER = 0x2E7D32
_TELEGRAM_LIMIT, _DISCORD_LIMIT, _SLACK_LIMIT, _TEAMS_LIMIT = 4096, 4000, 2900, 15_000


def slack_request(message: Message, url: str) -> Request:
    """Make a request to an incoming webhook."""

    def item(found: Item) -> str:
        links = [f"<{link.url}|{_slack(link.title)}>" for link in found.links]
        if found.runbook_url:
            links.append(f"<{found.runbook_url}|Runbook>")
        return "\n".join(filter(None, (f"*{_slack(found.title)}*", _slack(found.text), " · ".join(links))))

    blocks: list[object] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": _body(message, item, _SLACK_LIMIT)}}
    ]
    if message.chart and message.chart.url:
        blocks.append({"type": "image", "image_url": message.chart.url, "alt_text": message.chart.alt})
    attachment = {"color": f"#{_colour(message):06X}", "blocks": blocks}
    return json_request(url, {"text": _slack(message.title), "attachments": [attachment]})


def discord_request(message: Message, url: str) -> Request:
    """Make a request to a Discord webhook."""

    def item(found: Item) -> str:
        links = [f"[{link.title}]({link.url})" for link in found.links]
        if found.runbook_url:
            links.append(f"[Runbook]({found.runbook_url})")
        return "\n".join(filter(None, (f"**{found.title}**", found.text, " · ".join(links))))

    embed = {
        "title": message.title[:256],
        "description": _body(message, item, _DISCORD_LIMIT),
        "color": _colour(message),
        "timestamp": message.at,
    }
    # Nothing that a rule's text holds may call people by name.
    return json_request(url, {"embeds": [embed], "allowed_mentions": {"parse": []}})


def teams_request(message: Message, url: str) -> Request:
    """Make a request to a Teams workflow ("post to a channel when a webhook request is received")."""

    def item(found: Item) -> str:
        links = [f"[{link.title}]({link.url})" for link in found.links]
        if found.runbook_url:
            links.append(f"[Runbook]({found.runbook_url})")
        return "\n\n".join(filter(None, (f"**{found.title}**", found.text, " · ".join(links))))

    colour = "Good" if message.over else "Warning" if message.severity in ("info", "warning") else "Attention"
    card = {
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": [
            {"type": "TextBlock", "text": message.title, "weight": "Bolder", "wrap": True, "color": colour},
            {"type": "TextBlock", "text": _body(message, item, _TEAMS_LIMIT), "wrap": True},
        ],
    }
    content = {"contentType": "application/vnd.microsoft.card.adaptive", "content": card}
    return json_request(url, {"type": "message", "attachments": [content]})


def telegram_request(message: Message, base_url: str, token: str, chat_id: str) -> Request:
    """Make a request to a bot's sendMessage."""

    def item(found: Item) -> str:
        links = [f'<a href="{html.escape(link.url)}">{html.escape(link.title)}</a>' for link in found.links]
        if found.runbook_url:
            links.append(f'<a href="{html.escape(found.runbook_url)}">Runbook</a>')
        parts = (f"<b>{html.escape(found.title)}</b>", html.escape(found.text), " · ".join(links))
        return "\n".join(filter(None, parts))

    heading = f"{html.escape(message.title)}\n\n" if message.total > 1 or message.uncertain else ""
    content = {
        "chat_id": chat_id,
        "text": heading + _body(message, item, _TELEGRAM_LIMIT - len(heading)),
        "parse_mode": "HTML",
        "link_preview_options": {"is_disabled": True},
    }
    return json_request(f"{base_url}/bot{token}/sendMessage", content)


def _body(message: Message, form: Callable[[Item], str], most: int) -> str:
    """Join the items' texts, whole ones only, as many as the destination takes; count the rest."""
    texts: list[str] = []
    left = most - 40
    for item in message.items:
        text = form(item)
        if len(text) + 2 > left:
            break
        texts.append(text)
        left -= len(text) + 2
    more = message.total - len(texts)
    if more and texts:
        texts.append(f"… and {more} more")
    return "\n\n".join(texts) or message.items[0].title[: most - 1]


def _colour(message: Message) -> int:
    return _OVER if message.over else _COLOURS[message.severity]


def _slack(text: str) -> str:
    # The three characters that Slack's own syntax is made of.
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
