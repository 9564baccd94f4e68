"""How messages, dead letters and log entries are shown, secrets redacted."""

import sqlite3
from base64 import b64encode
from typing import Any

from qstash_local.core.headers import redacted, shown_header
from qstash_local.core.message import Callback, Message
from qstash_local.store.events import decode_detail
from qstash_local.store.messages import decode_message
from qstash_local.store.outcomes import dlq_id


def body_fields(body: bytes, name: str = "body") -> dict[str, str]:
    """Return a body as text, or in base64 under ``<name>Base64`` when it is no UTF-8; nothing when empty."""
    if not body:
        return {}
    try:
        return {name: body.decode()}
    except UnicodeDecodeError:
        return {f"{name}Base64": b64encode(body).decode()}


def settings_fields(message: Message) -> dict[str, Any]:
    """Return what messages and schedules show alike; None stands for absent."""
    flow = message.flow
    return {
        "method": message.method,
        "header": shown_header(message.header, message.redact) or None,
        **_callback_fields("callback", message.callback),
        **_callback_fields("failureCallback", message.failure_callback),
        "callerIP": message.caller_ip,
        "label": message.labels[0] if message.labels else None,
        "labels": message.labels or None,
        "flowControlKey": flow.key if flow else None,
        "parallelism": flow.parallelism if flow else None,
        "rate": flow.rate if flow else None,
        "period": flow.period if flow else None,
        "retryDelayExpression": message.retry_delay,
        "queueName": message.queue,
    }


def shown_body(message: Message, body: bytes) -> dict[str, str]:
    """Return the body of a message as the API may show it."""
    if message.redact is not None and message.redact.body and body:
        return {"body": redacted(body)}
    return body_fields(body)


def present(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}


def message_view(row: sqlite3.Row) -> dict[str, Any]:
    """Return a message as `/v2/messages` shows it."""
    message = decode_message(row["spec"])
    return present(
        {
            "messageId": row["id"],
            "url": message.url,
            "topicName": message.topic,
            "endpointName": message.endpoint,
            "scheduleId": message.schedule_id,
            "maxRetries": message.retries,
            "notBefore": row["not_before"],
            "createdAt": row["created_at"],
            "timeout": message.timeout_ms,
            **settings_fields(message),
            **shown_body(message, row["body"]),
        }
    )


def dlq_view(row: sqlite3.Row) -> dict[str, Any]:
    """Return a dead letter: its message and the last answer."""
    detail = decode_detail(row["detail"])
    return {
        **message_view(row),
        "dlqId": dlq_id(row["failed_at"], row["dlq"]),
        "responseStatus": row["status"],
        **present({"responseHeader": detail.header or None}),
        **body_fields(detail.body or detail.error.encode(), "responseBody"),
    }


def event_view(row: sqlite3.Row) -> dict[str, Any]:
    """Return a log entry, with both spellings where clients disagree on one."""
    message = decode_message(row["spec"])
    detail = decode_detail(row["detail"]) if row["detail"] is not None else None
    shown = settings_fields(message)
    body = shown_body(message, row["body"])
    return present(
        {
            "time": row["at"],
            "messageId": row["id"],
            "state": row["state"],
            "url": message.url,
            **shown,
            "callbackHeaders": shown["callbackHeader"],
            "failureCallbackHeaders": shown["failureCallbackHeader"],
            "retryDelayExpr": message.retry_delay,
            "body": (
                body["body"] if message.redact and message.redact.body else b64encode(row["body"]).decode()
            )
            if body
            else None,
            "topicName": message.topic,
            "endpointName": message.endpoint,
            "scheduleId": message.schedule_id,
            "maxRetries": message.retries,
            "timeout": message.timeout_ms,
            "nextDeliveryTime": row["next_at"],
            "responseStatus": row["status"],
            "responseHeader": detail.header or None if detail else None,
            "responseHeaders": detail.header or None if detail else None,
            "responseBody": b64encode(detail.body).decode() if detail and detail.body else None,
            "error": (detail.error or _failure(row["status"]))
            if detail and row["state"] != "DELIVERED"
            else None,
        }
    )


def _failure(status: int | None) -> str | None:
    return f"the destination answered {status}" if status else None


def _callback_fields(name: str, callback: Callback | None) -> dict[str, Any]:
    if callback is None:
        return {name: None, f"{name}Header": None}
    return {name: callback.url, f"{name}Header": callback.header or None}
