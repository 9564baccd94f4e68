"""Deduplication by id and by content."""


def publish(qstash, url, body="b", **headers):
    named = {f"upstash-{name.replace('_', '-')}": value for name, value in headers.items()}
    return qstash.http.post(f"/v2/publish/{url}", content=body, headers=named)


def test_a_duplicate_is_accepted_but_not_delivered(qstash, destination):
    """The duplicate gets the id of the original, and 202."""
    first = publish(qstash, f"{destination.url}/d", deduplication_id="one")
    again = publish(qstash, f"{destination.url}/d", deduplication_id="one")
    qstash.idle()

    assert (first.status_code, again.status_code) == (200, 202)
    assert again.json() == {"messageId": first.json()["messageId"], "deduplicated": True}
    assert "deduplicated" not in first.json()
    assert len(destination.wait("/d")) == 1


def test_the_window_is_ten_minutes(qstash, destination):
    qstash.control("clock/pause")
    publish(qstash, f"{destination.url}/w", deduplication_id="w")
    qstash.advance("9m59s")
    assert publish(qstash, f"{destination.url}/w", deduplication_id="w").status_code == 202
    qstash.advance("1s")
    assert publish(qstash, f"{destination.url}/w", deduplication_id="w").status_code == 200


def test_it_does_not_matter_what_became_of_the_original(qstash, destination, reply):
    destination.answers("/f", reply(status=500))
    publish(qstash, f"{destination.url}/f", deduplication_id="f", retries="0")
    qstash.idle()

    assert publish(qstash, f"{destination.url}/f", deduplication_id="f").status_code == 202


def test_content_means_destination_body_and_forwarded_headers(qstash):
    """The same in everything that the destination would see is a duplicate; a difference anywhere is not."""

    def status(url="https://a.example/1", body="x", **headers):
        return publish(
            qstash, url, body, content_based_deduplication="True", delay="1h", **headers
        ).status_code

    assert [status(), status()] == [200, 202]
    assert status(url="https://a.example/2") == 200
    assert status(body="y") == 200
    assert status(forward_tenant="1") == 200
    assert status(label="ignored") == 202


def test_each_endpoint_of_a_group_counts_for_itself(qstash):
    qstash.sdk.url_group.upsert_endpoints("g", [{"url": "https://a.example"}])
    publish(qstash, "g", deduplication_id="i", delay="1h")
    qstash.sdk.url_group.upsert_endpoints("g", [{"url": "https://b.example"}])
    again = publish(qstash, "g", deduplication_id="i", delay="1h").json()

    assert [each.get("deduplicated") for each in again] == [True, None]
