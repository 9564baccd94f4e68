"""The picture that goes with an alert by mail and Slack: read by the rule's own query, and never in the way."""

import json
from datetime import UTC, datetime, timedelta
from io import BytesIO
from zoneinfo import ZoneInfo

import pytest
from huntaze_alerts import charts, store
from huntaze_alerts.drawing import HEIGHT, WIDTH, Curve, describe, draw, short
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

START = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
SLACK = "/slack/services/T0/B0/secret"


async def rise(post, kind: str, **channel) -> None:
    """An hour and a half of 60, then 120: over the limit of 100."""
    await post.channel(kind, **channel)
    await post.world.rule(channels=("c",), clear=80)
    await post.world.feed("r", *[60] * 18, 120)


def size_of(png: bytes) -> tuple[int, int]:
    return Image.open(BytesIO(png), formats=["PNG"]).size


async def test_a_mail_shows_the_metric(post) -> None:
    """Inside the mail, with the same in words for who sees no pictures, in the channel's own zone."""
    config = {"address": "ann@example.test"}
    await rise(post, "email", config=config, time_zone="Europe/Paris")

    assert (await post.round()).sent == 1

    (mail,) = post.mail.mails
    (picture,) = [part for part in mail.walk() if part.get_content_type() == "image/png"]
    assert picture["content-id"] == "<chart>"
    assert size_of(picture.get_content()) == (WIDTH, HEIGHT)
    page = mail.get_body(["html"]).get_content()
    assert 'src="cid:chart"' in page
    assert "values from 60 to 120, limit 100, fired at 12:35" in page


async def test_slack_shows_the_metric_by_a_link(post) -> None:
    """Its webhooks take no files."""
    post.web.page(SLACK, b"ok")
    await rise(post, "slack", secret=post.web.url + SLACK)

    assert (await post.round()).sent == 1

    (key,) = post.kept
    assert size_of(post.kept[key]) == (WIDTH, HEIGHT)
    (request,) = post.web.requests
    image = json.loads(request.partition(b"\r\n\r\n")[2])["attachments"][0]["blocks"][1]
    assert image["image_url"].startswith(f"https://objects.test/{key}")
    assert "limit 100" in image["alt_text"]


async def test_a_picture_that_slack_cannot_fetch_costs_no_message(post) -> None:
    """It refuses the whole message then; so the message goes again without it."""
    post.web.page(SLACK, b"invalid_blocks", status="400 Bad Request")
    await rise(post, "slack", secret=post.web.url + SLACK)

    await post.round()

    first, second = (request.partition(b"\r\n\r\n")[2] for request in post.web.requests)
    assert b"image_url" in first
    assert b"image_url" not in second


async def test_a_source_that_is_gone_costs_the_picture_only(post) -> None:
    """The message leaves without it, and nothing waits."""
    config = {"address": "ann@example.test"}
    await rise(post, "email", config=config)
    await post.world.admin.execute("ALTER TABLE point RENAME TO gone")
    try:
        assert (await post.round()).sent == 1
    finally:
        await post.world.admin.execute("ALTER TABLE gone RENAME TO point")
    (mail,) = post.mail.mails
    assert not [part for part in mail.walk() if part.get_content_type() == "image/png"]


async def test_a_curve_is_what_the_rule_saw(post) -> None:
    """The values at the slots, one of them the firing itself."""
    await rise(post, "log")
    alert_id = await post.world.pool.fetchval("SELECT id FROM alert")
    curve = await charts.read_curve(post.world.pool, alert_id, now=post.world.now())
    assert curve is not None
    assert dict(curve.points)[curve.fired_at] == 120
    assert set(curve.measured) == {60, 120}
    assert await charts.read_curve(post.world.pool, alert_id + 1, now=post.world.now()) is None


async def test_every_source_can_be_drawn(world) -> None:
    """Whatever a rule reads, its value can be asked for alone."""
    for statement in store.VALUES.values():
        assert await world.pool.fetchval(statement, START, [0], "", "{}") is None


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (0.125, "0.125"), (999, "999"), (1000, "1k"), (12_500, "12.5k"), (999_999, "1M"),
     (-3_400_000, "-3.4M"), (1e12, "1T"), (3e20, "3e+20")],
)  # fmt: skip
def test_numbers_are_short(value: float, text: str) -> None:
    assert short(value) == text


numbers = st.floats(allow_nan=False, allow_infinity=False)


@settings(max_examples=30, deadline=None)
@given(
    values=st.lists(st.none() | numbers, min_size=1, max_size=30).filter(lambda found: any(v is not None for v in found)),
    threshold=numbers,
    clear=st.none() | numbers,
    fired=st.integers(-5, 40),
    above=st.booleans(),
)  # fmt: skip
def test_whatever_was_measured_is_drawn(values, threshold, clear, fired, above) -> None:
    """Flat, absent in the middle, or as large as a number can be: a picture of the same size."""
    points = [(START + timedelta(minutes=n), value) for n, value in enumerate(values)]
    curve = Curve(points, threshold, above, clear, START + timedelta(minutes=fired), None)
    zone = ZoneInfo("Asia/Kathmandu")
    assert size_of(draw(curve, zone)) == (WIDTH, HEIGHT)
    assert "limit" in describe(curve, zone)
