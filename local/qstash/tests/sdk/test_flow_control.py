"""Flow control: keys, limits, pins, pauses."""

import threading

import pytest
from qstash.errors import QStashError


def publish(qstash, url, count, **limits):
    return [
        qstash.sdk.message.publish(
            url=url, body=str(n), flow_control={"key": "my key/1", **limits}
        ).message_id
        for n in range(count)
    ]


def shown(qstash, key="my key/1"):
    return qstash.sdk.flow_control.get(key.replace(" ", "%20"))


def test_a_rate_is_never_exceeded(qstash, destination):
    """Three a minute: ten messages take four windows, whatever the retries."""
    qstash.control("clock/pause")
    publish(qstash, f"{destination.url}/r", 10, rate=3, period="1m")
    counts = []
    for _ in range(4):
        qstash.idle()
        counts.append(len(destination.at("/r")))
        qstash.advance("1m")
    assert counts == [3, 6, 9, 10]


def test_parallelism_is_never_exceeded(qstash, destination, reply, request):
    hold = threading.Event()
    request.addfinalizer(hold.set)
    destination.answers("/p", reply(hold=hold))
    publish(qstash, f"{destination.url}/p", 5, parallelism=2)
    destination.wait("/p", 2)
    info = shown(qstash)

    assert (info.parallelism_max, info.parallelism_count, info.wait_list_size) == (2, 2, 3)
    assert qstash.sdk.flow_control.get_global_parallelism().parallelism_count == 2
    hold.set()
    qstash.idle()
    assert len(destination.at("/p")) == 5
    assert (shown(qstash).parallelism_count, shown(qstash).wait_list_size) == (0, 0)


def test_a_blocked_key_does_not_hold_up_others(qstash, destination):
    qstash.control("clock/pause")
    publish(qstash, f"{destination.url}/slow", 300, rate=1, period="1h")
    qstash.sdk.message.publish(url=f"{destination.url}/fast")
    qstash.idle()

    assert (len(destination.at("/slow")), len(destination.at("/fast"))) == (1, 1)


def test_a_retry_counts_as_a_call(qstash, destination, reply):
    destination.answers("/r", reply(status=500, headers={"Retry-After": "0"}))
    qstash.control("clock/pause")
    publish(qstash, f"{destination.url}/r", 1, rate=2, period="1m")
    qstash.idle()

    assert len(destination.at("/r")) == 2


def test_the_latest_message_sets_the_limits_unless_they_are_pinned(qstash):
    qstash.sdk.message.publish(
        url="https://a.example", delay="1h", flow_control={"key": "k", "rate": 2, "period": "1d"}
    )
    assert (shown(qstash, "k").rate_max, shown(qstash, "k").rate_period) == (2, 86_400)
    qstash.sdk.flow_control.pin("k", {"parallelism": 3, "rate": 20, "period": 120})
    qstash.sdk.message.publish(
        url="https://a.example", delay="1h", flow_control={"key": "k", "rate": 9, "parallelism": 9}
    )
    info = shown(qstash, "k")
    assert (info.parallelism_max, info.rate_max, info.rate_period) == (3, 20, 120)
    assert (info.is_pinned_parallelism, info.is_pinned_rate) == (True, True)

    qstash.sdk.flow_control.unpin("k", {"parallelism": True})
    qstash.sdk.message.publish(
        url="https://a.example", delay="1h", flow_control={"key": "k", "rate": 9, "parallelism": 9}
    )
    info = shown(qstash, "k")
    assert (info.parallelism_max, info.rate_max) == (9, 20)
    assert (info.is_pinned_parallelism, info.is_pinned_rate) == (False, True)


def test_a_paused_key_delivers_nothing(qstash, destination):
    qstash.sdk.flow_control.pause("my%20key/1")
    publish(qstash, f"{destination.url}/x", 2, parallelism=5)
    qstash.idle()
    assert (shown(qstash).is_paused, shown(qstash).wait_list_size, destination.at("/x")) == (True, 2, [])

    qstash.sdk.flow_control.resume("my%20key/1")
    assert len(destination.wait("/x", 2)) == 2


@pytest.mark.parametrize("action", ["resetRate", "reset"])
def test_a_reset_opens_a_fresh_window(qstash, destination, action):
    qstash.control("clock/pause")
    publish(qstash, f"{destination.url}/r", 2, rate=1, period="1h")
    qstash.idle()
    assert (len(destination.at("/r")), shown(qstash).rate_count) == (1, 1)

    qstash.http.post(f"/v2/flowControl/my%20key/1/{action}").raise_for_status()
    qstash.idle()
    assert len(destination.at("/r")) == 2


def test_keys_are_listed_and_searched(qstash):
    for key in ("alpha", "beta"):
        qstash.sdk.message.publish(
            url="https://a.example", delay="1h", flow_control={"key": key, "parallelism": 1}
        )

    assert [each["flowControlKey"] for each in qstash.http.get("/v2/flowControl/").json()] == [
        "alpha",
        "beta",
    ]
    assert [each["flowControlKey"] for each in qstash.http.get("/v2/flowControl?search=et").json()] == [
        "beta"
    ]
    with pytest.raises(QStashError, match="not found"):
        qstash.sdk.flow_control.get("gamma")


@pytest.mark.parametrize(
    "value", ["", "rate=0", "rate=x", "speed=1", "period=8d, rate=1", "period=1s", "rate", "rate=-1"]
)
def test_bad_limits_are_refused(qstash, value):
    headers = {"Upstash-Flow-Control-Key": "k", "Upstash-Flow-Control-Value": value}

    assert qstash.http.post("/v2/publish/https://a.example", headers=headers).status_code == 400


@pytest.mark.parametrize("query", ["", "parallelism=0", "rate=x", "period=0"])
def test_a_bad_pin_is_refused(qstash, query):
    assert qstash.http.post(f"/v2/flowControl/k/pin?{query}").status_code == 400
