"""PagerDuty's Events API v2. Its dedup_key makes a repeated event the same incident."""

from huntaze_alerts.channels.request import Request, json_request
from huntaze_alerts.messages import Message


def pagerduty_request(message: Message, base_url: str, routing_key: str) -> Request:
    """Make the event of one alert: trigger, or resolve when it is over."""
    (item,) = message.items
    event = {
        "routing_key": routing_key,
        "event_action": "resolve" if message.over else "trigger",
        "dedup_key": message.key if item.alert_id is None else f"huntaze-alert-{item.alert_id}",
        "payload": {
            "summary": message.title[:1024],
            "source": item.subject or "huntaze",
            "severity": item.severity,
            "timestamp": item.at,
            "component": item.rule_id,
            "custom_details": {
                "text": item.text,
                "value": item.value,
                "threshold": item.threshold,
                **item.labels,
            },
        },
        "links": [{"href": item.runbook_url, "text": "Runbook"}] if item.runbook_url else [],
    }
    return json_request(f"{base_url}/v2/enqueue", event)
