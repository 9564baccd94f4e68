"""Every channel over real HTTP or SMTP: stand-ins that take, refuse, fail, hang and ask for patience."""

import base64
import json
from datetime import timedelta

import pytest

SECRETS = {
    "slack": "{url}/slack/services/T0/B0/secret",
    "discord": "{url}/discord/webhooks/1/secret",
    "teams": "{url}/teams/workflows/secret",
    "telegram": "12345:secret",
    "pagerduty": "routing-key",
    "webhook": "whsec_" + base64.b64encode(bytes(range(24))).decode(),
}
PATHS = {
    "slack": "/slack/services/T0/B0/secret",
    "discord": "/discord/webhooks/1/secret",
    "teams": "/teams/workflows/secret",
    "telegram": "/bot12345:secret/sendMessage",
    "pagerduty": "/v2/enqueue",
    "webhook": "/hook",
}
HTTP = sorted(PATHS)
CONFIG = {"telegram": {"chat_id": "42"}, "email": {"address": "ann@example.test"}}


async def fire(post, *kinds: str, alerts: int = 1, **channel) -> None:
    """Make an alert, or several, for channels of some kinds."""
    for kind in kinds:
        config = {"url": f"{post.web.url}/hook"} if kind == "webhook" else CONFIG.get(kind, {})
        secret = SECRETS[kind].format(url=post.web.url) if kind in SECRETS else None
        await post.channel(kind, kind, secret=secret, config=config, **channel)
    await post.world.rule(channels=kinds, group_by=("subject",), runbook_url="https://example.test/runbook")
    for n in range(alerts):
        await post.world.sample("r", 120, user_id=f"user-{n}", ago=-4.5)
    await post.world.tick()


def answer_all(post, body: bytes, **how: str) -> None:
    for path in PATHS.values():
        post.web.page(path, body, **how)


def said(post, kind: str) -> list[dict]:
    """What was sent to a kind's path."""
    asked = [request for request in post.web.requests if request.startswith(f"POST {PATHS[kind]} ".encode())]
    return [json.loads(request.partition(b"\r\n\r\n")[2]) for request in asked]


async def test_messages_arrive(post) -> None:
    """In each channel's own form, with what fired and for whom."""
    answer_all(post, b"ok", status="202 Accepted")
    await fire(post, *HTTP)

    done = await post.round()

    assert (done.sent, done.failed) == (len(HTTP), 0)
    for kind in HTTP:
        (message,) = said(post, kind)
        assert "r for user-0: firing" in json.dumps(message)
        assert "https://example.test/runbook" in json.dumps(message)
    assert await post.statuses() == [("sent", None)] * len(HTTP)


async def test_a_mail_arrives(post) -> None:
    """As text and as HTML, from the address in the settings."""
    await fire(post, "email")

    assert (await post.round()).sent == 1

    (mail,) = post.mail.mails
    assert (mail["from"], mail["to"]) == ("alerts@huntaze.test", "ann@example.test")
    assert mail["subject"] == "error: r for user-0: firing"
    assert "Since 2026-03-02 10:05 UTC" in mail.get_body(["plain"]).get_content()
    assert "<h3>r for user-0: firing</h3>" in mail.get_body(["html"]).get_content()


@pytest.mark.parametrize(
    "status", ["400 Bad Request", "403 Forbidden", "404 Not Found", "410 Gone", "302 Found"]
)
async def test_a_refusal_is_for_good(post, status: str) -> None:
    """A destination that is gone does not come back by being asked again."""
    answer_all(post, b"no", status=status)
    await fire(post, *HTTP)

    assert (await post.round()).failed == len(HTTP)
    assert (await post.round(later=60)).failed == 0
    assert await post.statuses() == [("dead", f"127.0.0.1 answered {status[:3]}")] * len(HTTP)


@pytest.mark.parametrize(
    "status", ["500 Internal Server Error", "503 Service Unavailable", "408 Request Timeout"]
)
async def test_a_failure_is_tried_again(post, status: str) -> None:
    """With a wait that grows; the message arrives once the destination is well."""
    answer_all(post, b"no", status=status)
    await fire(post, *HTTP)
    assert (await post.round()).failed == len(HTTP)
    assert (await post.round()).failed == 0, "tried again without a wait"

    assert (await post.round(later=0.2)).failed == len(HTTP)
    answer_all(post, b"ok")
    assert (await post.round(later=0.3)).sent == len(HTTP)
    assert len(post.web.requests) == 3 * len(HTTP)


@pytest.mark.parametrize(
    ("headers", "body", "wait"),
    [
        ({"retry_after": "120"}, b"", 120),
        ({"retry_after": "Mon, 02 Mar 2026 10:08:00 GMT"}, b"", 180),
        ({}, b'{"ok":false,"parameters":{"retry_after":90}}', 90),
        ({}, b'{"message":"limited","retry_after":64.5}', 64.5),
        ({"retry_after": "soon"}, b"", 0),
        ({"retry_after": "-5"}, b"[]", 0),
        ({"retry_after": "nan"}, b"", 0),
        ({"retry_after": "9999999"}, b"", 3600),
    ],
)
async def test_a_destination_may_ask_for_patience(post, headers, body, wait) -> None:
    """429 with a wait in the header, as a date, or where Telegram and Discord say it; nonsense is ignored."""
    post.web.page(PATHS["slack"], body, status="429 Too Many Requests", **headers)
    await fire(post, "slack")
    await post.round()

    (row,) = await post.world.rows("SELECT next_attempt_at FROM delivery")
    waited = (row["next_attempt_at"] - post.world.now()) / timedelta(seconds=1)
    assert waited == pytest.approx(max(wait, 5), rel=0.25)


async def test_destinations_that_hang_are_left(post) -> None:
    """The whole attempt has a limit, also when bytes trickle in; one that hangs holds up no other."""
    answer_all(post, b"ok")
    post.web.pages[PATHS["slack"]] = [30.0]
    post.web.pages[PATHS["teams"]] = [piece for _ in range(100) for piece in (b"HTTP/1.1 200 OK\r\n", 0.3)]
    await fire(post, *HTTP)

    done = await post.round()

    assert (done.sent, done.failed) == (len(HTTP) - 2, 2)
    waiting = [error for status, error in await post.statuses() if status == "waiting"]
    assert len(waiting) == 2
    assert all("did not answer" in error for error in waiting)


async def test_a_destination_that_is_not_there(post) -> None:
    """Nobody listens: tried again later."""
    await post.channel("slack", secret="http://127.0.0.1:1/x")
    await post.world.rule(channels=("c",))
    await post.world.feed("r", 120)

    assert (await post.round()).failed == 1
    assert (await post.statuses())[0][0] == "waiting"


@pytest.mark.parametrize(
    ("command", "answer", "status"),
    [
        ("MAIL", b"451 later", "waiting"),
        ("RCPT", b"450 busy", "waiting"),
        ("RCPT", b"550 nobody", "dead"),
        ("DATA", b"554 no", "dead"),
        ("DATA", b"421 going", "waiting"),
    ],
)
async def test_mail_servers_refuse_for_now_or_for_good(post, command, answer, status) -> None:
    """RFC 5321: 4yz may work later, 5yz will not."""
    post.mail.answers[command] = answer
    await fire(post, "email")

    assert (await post.round()).failed == 1
    assert (await post.statuses())[0][0] == status
    assert post.mail.mails == []


async def test_a_mail_server_that_says_nothing(post) -> None:
    """Its silence is no refusal."""
    post.mail.silent = True
    await fire(post, "email")

    assert (await post.round()).failed == 1
    assert (await post.statuses())[0][0] == "waiting"


async def test_a_webhook_is_signed(post) -> None:
    """As Standard Webhooks says, checked here with hmac alone; the id is the same on the second attempt."""
    import hashlib
    import hmac

    post.web.page("/hook", status="500 Internal Server Error")
    await fire(post, "webhook")
    await post.round()
    await post.round(later=1)

    ids = set()
    for request in post.web.requests:
        head, _, body = request.partition(b"\r\n\r\n")
        headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
        signed = headers[b"webhook-id"] + b"." + headers[b"webhook-timestamp"] + b"." + body
        digest = hmac.new(bytes(range(24)), signed, hashlib.sha256).digest()
        assert headers[b"webhook-signature"] == b"v1," + base64.b64encode(digest)
        ids.add(headers[b"webhook-id"])
    assert len(post.web.requests) == 2
    assert len(ids) == 1


async def test_pagerduty_resolves_the_incident_it_opened(post) -> None:
    """The key of the alert ties the events together."""
    post.web.page("/v2/enqueue", b"{}", status="202 Accepted")
    await fire(post, "pagerduty")
    await post.round()
    await post.world.sample("r", 10, user_id="user-0", ago=-4.5)
    await post.world.tick()
    await post.round()

    opened, closed = (json.loads(request.partition(b"\r\n\r\n")[2]) for request in post.web.requests)
    assert (opened["event_action"], closed["event_action"]) == ("trigger", "resolve")
    assert opened["dedup_key"] == closed["dedup_key"]


async def test_a_storm_is_one_message(post) -> None:
    """Thirty alerts at once: one message a channel, which counts the rest; PagerDuty gets each."""
    answer_all(post, b"{}", status="202 Accepted")
    await fire(post, *HTTP, "email", alerts=30, rate=100)

    assert (await post.round()).sent == len(HTTP) + 30

    assert len(said(post, "pagerduty")) == 30
    assert said(post, "webhook")[0]["data"]["total"] == 30
    mail = post.mail.mails[0].get_body(["plain"]).get_content()
    chats = [json.dumps(said(post, kind)) for kind in ("slack", "discord", "teams", "telegram")]
    assert all("10 more" in text for text in [mail, *chats])


async def test_text_of_users_does_not_become_markup(post) -> None:
    """A label that holds markup, or calls everybody, is shown as it is."""
    post.web.page(PATHS["slack"], b"ok")
    await post.channel("slack", secret=SECRETS["slack"].format(url=post.web.url))
    await post.world.rule(
        channels=("c",), group_by=("platform",), template="{label.platform} {unknown} {label}"
    )
    await post.world.feed("r", 120, labels={"platform": "<!channel> {value}"})

    await post.round()

    text = said(post, "slack")[0]["attachments"][0]["blocks"][0]["text"]["text"]
    assert "&lt;!channel&gt; {value} {unknown} {label}" in text
