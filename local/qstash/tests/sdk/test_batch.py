"""POST /v2/batch."""


def test_a_batch_answers_in_the_order_of_its_items(qstash, destination):
    """URLs give objects, groups give arrays, a bad item gives an error; the others are still sent."""
    qstash.sdk.url_group.upsert_endpoints(
        "g", [{"url": f"{destination.url}/g1"}, {"url": f"{destination.url}/g2"}]
    )
    items = [
        {
            "destination": f"{destination.url}/1",
            "headers": {"Content-Type": "text/plain"},
            "body": "ä",
            "queue": None,
        },
        {"destination": "g", "headers": {"upstash-forward-x": ["1", "2"]}, "body": "b"},
        {"destination": "nowhere"},
        {"destination": f"{destination.url}/2", "headers": {"upstash-delay": "soon"}},
        {"destination": 7},
        {"destination": f"{destination.url}/3", "queue": "q"},
    ]
    answers = qstash.http.post("/v2/batch", json=items).json()

    assert [type(answer) for answer in answers] == [dict, list, dict, dict, dict, dict]
    assert [each["url"] for each in answers[1]] == [f"{destination.url}/g1", f"{destination.url}/g2"]
    assert answers[2] == {"error": "topic nowhere not found"}
    assert "Upstash-Delay" in answers[3]["error"]
    assert "$.destination" in answers[4]["error"]
    assert destination.wait("/1")[0].body == "ä".encode()
    assert [value for name, value in destination.wait("/g1")[0].headers if name == "X"] == ["1", "2"]
    assert len(destination.wait("/3")) == 1
    assert [queue.name for queue in qstash.sdk.queue.list()] == ["q"]


def test_a_batch_must_be_an_array(qstash):
    for body in (b"", b"{}", b"[", b'"x"', b"[" * 10_000):
        answer = qstash.http.post("/v2/batch", content=body)
        assert answer.status_code == 400
        assert set(answer.json()) == {"error"}


def test_a_header_that_would_split_the_request_is_refused(qstash):
    """JSON can carry a line break in a header's value, HTTP cannot: it must not reach a destination."""
    items = [{"destination": "https://a.example", "headers": {"upstash-forward-x": "1\r\nHost: evil"}}]

    assert "control characters" in qstash.http.post("/v2/batch", json=items).json()[0]["error"]


def test_a_long_batch_is_stored_whole(qstash):
    items = [{"destination": "https://a.example", "headers": {"upstash-delay": "1d"}}] * 1_500
    answers = qstash.http.post("/v2/batch", json=items).json()

    assert len({answer["messageId"] for answer in answers}) == 1_500
    assert qstash.sdk.message.cancel_all() == 1_500
