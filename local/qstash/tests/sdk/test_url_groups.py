"""URL groups: /v2/topics."""

import pytest
from qstash.errors import QStashError


def urls(group):
    return [(endpoint.name, endpoint.url) for endpoint in group.endpoints]


def test_a_group_fans_out_to_independent_messages(qstash, destination, reply):
    """Each endpoint has its own message: one may fail while another is delivered."""
    destination.answers("/bad", reply(status=500))
    qstash.sdk.url_group.upsert_endpoints(
        "g", [{"url": f"{destination.url}/bad", "name": "First endpoint"}, {"url": f"{destination.url}/good"}]
    )
    answers = qstash.sdk.message.publish(url_group="g", body="b", retries=0)
    qstash.idle()

    assert [answer.url for answer in answers] == [f"{destination.url}/bad", f"{destination.url}/good"]
    assert [qstash.states(answer.message_id)[-1] for answer in answers] == ["FAILED", "DELIVERED"]
    (entry,) = qstash.sdk.dlq.list(filter={"url_group": "g"}).messages
    assert (entry.endpoint, entry.url_group) == ("First endpoint", "g")
    assert destination.at("/good")[0].header("Upstash-Topic-Name") == "g"


def test_endpoints_are_replaced_by_name_or_url(qstash):
    upsert = qstash.sdk.url_group.upsert_endpoints
    upsert("g", [{"url": "https://a.example", "name": "a"}, {"url": "https://b.example"}])
    upsert("g", [{"url": "https://a2.example", "name": "a"}, {"url": "https://b.example", "name": "b"}])
    assert urls(qstash.sdk.url_group.get("g")) == [("a", "https://a2.example"), ("b", "https://b.example")]

    qstash.sdk.url_group.remove_endpoints("g", [{"name": "a"}])
    assert urls(qstash.sdk.url_group.get("g")) == [("b", "https://b.example")]
    assert [group.name for group in qstash.sdk.url_group.list()] == ["g"]


def test_a_group_goes_with_its_last_endpoint(qstash):
    qstash.sdk.url_group.upsert_endpoints("g", [{"url": "https://a.example"}])
    qstash.sdk.url_group.remove_endpoints("g", [{"url": "https://a.example"}])

    with pytest.raises(QStashError, match="topic g not found"):
        qstash.sdk.url_group.get("g")


def test_deleting_a_missing_group_is_no_error(qstash):
    qstash.sdk.url_group.delete("never-was")


def test_messages_under_way_outlive_their_group(qstash, destination):
    qstash.control("clock/pause")
    qstash.sdk.url_group.upsert_endpoints("g", [{"url": f"{destination.url}/e"}])
    qstash.sdk.message.publish(url_group="g", delay="1m")
    qstash.sdk.url_group.delete("g")
    qstash.advance("1m")

    assert len(destination.at("/e")) == 1


def test_default_headers_of_a_group_yield_to_the_message(qstash, destination):
    qstash.sdk.url_group.upsert_endpoints("g", [{"url": f"{destination.url}/e"}])
    qstash.http.patch("/v2/topics/g", json={"headers": {"A": "group", "B": ["group"]}}).raise_for_status()
    qstash.sdk.message.publish(url_group="g", headers={"b": "message"})

    (request,) = destination.wait("/e")
    assert (request.header("A"), request.header("B")) == ("group", "message")


@pytest.mark.parametrize(
    "body", [b"", b"{}", b'{"endpoints":[]}', b'{"endpoints":[{"name":"n"}]}', b'{"endpoints":[{"url":"x"}]}']
)
def test_bad_endpoints_are_refused(qstash, body):
    answer = qstash.http.post("/v2/topics/g/endpoints", content=body)

    assert (answer.status_code, set(answer.json())) == (400, {"error"})
