"""Signed webhooks: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md."""

import base64
import binascii
import hashlib
import hmac
from datetime import datetime

import msgspec

from huntaze_alerts.channels.request import Request
from huntaze_alerts.messages import Message

PREFIX = "whsec_"


def webhook_request(message: Message, url: str, secret: str, *, now: datetime) -> Request:
    """Make the signed request. The id is the same for every attempt, so receivers can drop repetitions."""
    body = msgspec.json.encode(
        {
            "type": "alerts.resolved" if message.over else "alerts.notification",
            "timestamp": message.at,
            "data": {
                "title": message.title,
                "severity": message.severity,
                "total": message.total,
                "items": message.items,
            },
        }
    )
    timestamp = str(int(now.timestamp()))
    headers = {
        "content-type": "application/json",
        "webhook-id": message.key,
        "webhook-timestamp": timestamp,
        "webhook-signature": signature(secret, message.key, timestamp, body),
    }
    return Request(url, body, headers)


def signature(secret: str, message_id: str, timestamp: str, body: bytes) -> str:
    """Sign id, time and body: HMAC-SHA256 under the base64 key behind ``whsec_``.

    Raises:
        ValueError: the secret is not of that form.
    """
    signed = f"{message_id}.{timestamp}.".encode() + body
    digest = hmac.digest(key_of(secret), signed, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def key_of(secret: str) -> bytes:
    """Decode a signing secret of 24 to 64 bytes.

    Raises:
        ValueError: it is none.
    """
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        key = b""
    if not secret.startswith(PREFIX) or not 24 <= len(key) <= 64:
        raise ValueError("a webhook's secret is whsec_ and the base64 of 24 to 64 bytes")
    return key
