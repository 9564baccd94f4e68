"""The console in a real browser, against the real local stack."""

import asyncio
import json
import secrets
from contextlib import aclosing
from datetime import UTC, datetime

import asyncpg
import httpx
import msgspec
import pytest
from axe_playwright_python.async_playwright import Axe
from huntaze_common.publishing import encode_job
from huntaze_contracts.alerts import CheckAlerts, SendNotification
from huntaze_contracts.base import Payload
from huntaze_contracts.trends import CollectPosts
from huntaze_contracts.video import StoredVideo, VideoProcessing
from huntaze_local.stack import QSTASH_TOKEN, Stack
from playwright.async_api import Page, expect

pytestmark = [
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.timeout(180),
    # On a busy machine the HTTP client below the official QStash client can lose a socket while it connects.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]
PAGES = ("/", "/jobs", "/schedules", "/dead-letters", "/alerts", "/trends", "/cost")
MOST_BYTES = 150_000
PATIENCE = 60_000
"""Milliseconds: what is waited for comes as an event; this is how long at most."""
HOSTILE = (
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"><svg/onload=document.title='owned'>",
    "javascript:document.title='owned'",
    "</pre><iframe srcdoc='<script>top.document.title=1</script>'>",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "\u202egpj.exe \ufeff",
)


async def publish(stack: Stack, worker: str, payload: Payload, *, user: str = "u1") -> str:
    job_id = f"console-{secrets.token_hex(6)}"
    body = encode_job(worker, payload, job_id=job_id, user_id=user, enqueued_at=datetime.now(UTC))
    async with aclosing(stack.publisher()) as publisher:
        await publisher.publish(worker, body, dedup_id=job_id)
    return job_id


async def test_a_video_is_followed_to_its_grid(stack: Stack, page: Page, clip: bytes) -> None:
    """The list shows the job without reloading; its page shows the timeline and the pictures."""
    await page.goto("/jobs?service=video")
    async with stack.object_store() as store:
        await store.put("uploads/u1/console.mp4", clip, content_type="video/mp4")
    video = VideoProcessing(video_id="console", source=StoredVideo(key="uploads/u1/console.mp4"))

    job_id = await publish(stack, "video-processing", video)
    await page.get_by_role("link", name=job_id, exact=True).click(timeout=PATIENCE)

    await expect(page.locator(".bar .state")).to_have_text("succeeded", timeout=PATIENCE)
    grid = page.locator("figure.wide img")
    await expect(grid).to_be_visible()
    assert await grid.evaluate("async img => (await img.decode(), img.naturalWidth)") > 200
    await expect(page.locator(".timeline")).to_contain_text("attempt 1")
    await expect(page.locator(".timeline")).to_contain_text("QStash")


async def test_a_dead_letter_is_sent_again(stack: Stack, page: Page) -> None:
    """A job fails for good, is grouped by its error, and leaves the queue when it is sent again."""
    job_id = await publish(stack, "content-trends", CollectPosts(scrape_id="never-started"))
    await page.goto("/dead-letters")
    box = page.get_by_role("checkbox", name=job_id)
    await box.wait_for(timeout=PATIENCE)
    await expect(page.locator("h2", has_text="scrape_unknown")).to_be_visible()
    letter = await box.input_value()

    await box.check()
    await page.locator("section", has_text="scrape_unknown").get_by_text("Send the marked again").click()

    await expect(page.locator(".said.ok")).to_have_text("1 sent again.")
    await expect(page.locator(f"#letter-{letter}")).to_have_count(0)


async def test_all_of_one_group_are_marked_and_no_others(stack: Stack, page: Page) -> None:
    """Two kinds of failure: the box above the one leaves the other alone, and marks outlive an update."""
    await publish(stack, "content-trends", CollectPosts(scrape_id="never-started"))
    await publish(
        stack, "video-processing", VideoProcessing(video_id="v", source=StoredVideo(key="uploads/no.mp4"))
    )
    await page.goto("/dead-letters")
    for error in ("scrape_unknown", "object_missing"):
        await page.locator("h2", has_text=error).first.wait_for(timeout=PATIENCE)

    await page.get_by_role("checkbox", name="all of scrape_unknown").check()
    later = await publish(stack, "content-trends", CollectPosts(scrape_id="never-started"))
    await page.get_by_role("checkbox", name=later).wait_for(timeout=PATIENCE)

    assert (
        await page.locator("section", has_text="object_missing").locator("input[name=letter]:checked").count()
        == 0
    )
    assert (
        await page.locator("section", has_text="scrape_unknown").locator("input[name=letter]:checked").count()
        > 0
    )


async def test_a_rule_is_silenced_and_the_silence_ended(page: Page) -> None:
    """What is being filled in stays while the page around it changes."""
    await page.goto("/alerts")
    await page.select_option("select[name=rule]", "budget")
    await page.fill("input[name=hours]", "3")
    await page.fill("input[name=reason]", "moving house")
    await page.get_by_role("button", name="Silence", exact=True).click()
    await expect(page.locator(".said.ok")).to_have_text("Rule budget tells nobody for 3 hours.")
    await expect(page.locator("#live")).to_contain_text("moving house")

    await page.get_by_role("button", name="End it").click()
    await expect(page.locator("#live")).to_contain_text("Nothing is silenced.")


async def test_a_failed_job_is_run_again(stack: Stack, page: Page) -> None:
    """From the job's own page: it is attempted once more."""
    job_id = await publish(stack, "content-trends", CollectPosts(scrape_id="never-started-either"))
    await page.goto("/jobs?q=" + job_id)
    await page.get_by_role("link", name=job_id, exact=True).click(timeout=PATIENCE)
    await page.get_by_role("button", name="Run it again").click(timeout=PATIENCE)

    await expect(page.locator(".timeline")).to_contain_text("attempt 2", timeout=PATIENCE)


async def test_a_schedule_is_paused_and_resumed(stack: Stack, page: Page) -> None:
    """QStash itself says that it is paused."""
    await page.goto("/schedules")
    await page.get_by_role("button", name="Pause trends").click()
    await expect(page.locator("#schedule-trends .state")).to_have_text("paused")
    assert await _paused(stack, "trends")

    await page.get_by_role("button", name="Resume trends").click()
    await expect(page.locator("#schedule-trends .state")).to_have_text("active")
    assert not await _paused(stack, "trends")


async def test_a_changed_schedule_is_shown_and_repaired(stack: Stack, page: Page) -> None:
    """What somebody changed by hand stands beside what the file says, and one button mends it."""
    async with _qstash(stack) as client:
        answer = await client.delete("/v2/schedules/cleanup")
        assert answer.is_success
    await page.goto("/schedules")
    await page.get_by_role("button", name="Make it as the file says cleanup").click()

    await expect(page.locator(".said.ok").first).to_contain_text("made as the file says")
    await expect(page.locator("#schedule-cleanup")).to_be_visible()


async def test_an_alert_is_acknowledged(stack: Stack, page: Page) -> None:
    """The sample data makes one fire; the alerts service then knows who is at it."""
    await publish(stack, "alert-checker", CheckAlerts())
    await page.goto("/alerts?state=firing")
    button = page.get_by_role("button", name="Acknowledge").first
    await button.wait_for(timeout=PATIENCE)
    number = await page.locator("tbody tr", has_text="Acknowledge").first.get_attribute("id")
    await button.click()

    await expect(page.locator(".said.ok")).to_contain_text("is acknowledged")
    await expect(page.locator(f"#{number}")).to_contain_text("by huntaze-cli")


async def test_a_rule_is_tried_on_the_last_week(page: Page) -> None:
    """Its own page says how often it would have fired."""
    await page.goto("/alerts")
    await page.get_by_role("link", name="Try queue-age on the last week").click()

    await expect(page.locator(".said")).to_contain_text("In the last 7 days it would have fired")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", PAGES)
async def test_pages_are_accessible_and_light(page: Page, path: str, scheme: str) -> None:
    """Axe has no serious finding, and a page without its pictures has at most 150 KB."""
    await page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await page.goto(path)
    parts = await page.eval_on_selector_all(
        "script[src], link", "all => all.map(each => each.src || each.href)"
    )
    sizes = [len(await (await page.request.get(address)).body()) for address in (path, *parts)]
    found = await Axe().run(page)

    serious = [each for each in found.response["violations"] if each["impact"] in ("serious", "critical")]
    assert serious == [], msgspec.json.encode(serious).decode()[:3000]
    assert sum(sizes) <= MOST_BYTES


@pytest.mark.parametrize("path", PAGES)
async def test_pages_fit_a_phone(page: Page, path: str) -> None:
    """Nothing but tables and code scrolls sideways."""
    await page.set_viewport_size({"width": 390, "height": 844})
    await page.goto(path)

    assert await page.evaluate("document.documentElement.scrollWidth") <= 390


async def test_hostile_text_is_shown_as_text(stack: Stack, page: Page) -> None:
    """What users write runs nowhere, and is read as it was written."""
    for text in HOSTILE:
        note = SendNotification(key=f"hostile-{secrets.token_hex(4)}", title="t", text=text)
        job_id = await publish(stack, "alert-checker", note)
        await page.goto("/jobs?q=" + job_id)
        await page.get_by_role("link", name=job_id, exact=True).click(timeout=PATIENCE)
        written = json.dumps(text, ensure_ascii=False)[1:-1]
        assert written in (await page.locator("pre[aria-label=Payload]").text_content() or "")

        assert await page.title() == f"{job_id} · Huntaze"
        assert await page.locator("main script, main iframe, main img[src=x]").count() == 0


async def test_many_jobs_are_turned_over_in_pages(stack: Stack, page: Page) -> None:
    """Of 10,000 jobs a page shows some fifty; following 'Older' to the end would meet each once."""
    connection = await asyncpg.connect(stack.server.dsn)
    await connection.execute(
        """INSERT INTO data.job (job_id, type, schema_version, user_id, body, payload_sha, state, first_seen_at)
           SELECT 'many-' || n, 'data-processing', 1, 'many', '{}', '\\x00', 'succeeded',
                  now() - interval '40 days' - n / 7 * interval '1 second'
             FROM generate_series(1, 10000) AS n"""
    )
    await page.goto("/jobs?user=many")
    first = await page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    await page.click("text=Older")
    await page.wait_for_url("**until=**")
    second = await page.locator("tbody tr").evaluate_all("rows => rows.map(row => row.id)")
    await connection.execute("DELETE FROM data.job WHERE user_id = 'many'")
    await connection.close()

    assert len(first) >= 50
    assert len(second) >= 50
    assert not set(first) & set(second)
    numbers = sorted(int(each.rpartition("-")[2]) for each in first + second)
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize(
    "path", [*PAGES, "/json", "/json/jobs", "/live", "/objects/video/x?key=y", "/jobs/video/x"]
)
async def test_without_login_there_is_no_data(stack: Stack, path: str) -> None:
    """People are led to the login, programs are refused."""
    async with _console(stack) as client:
        answer = await client.get(path)

    assert answer.status_code in (303, 401)
    assert answer.status_code == 401 or answer.headers["location"].startswith("/login")
    assert b"<table" not in answer.content


async def test_wrong_passwords_have_to_wait(stack: Stack) -> None:
    """After five, even the right one is not looked at for a while; the session of others goes on."""
    async with _console(stack, address="127.0.0.2") as client:
        tried = [await client.post("/login", data={"password": "wrong"}) for _ in range(6)]
        late = await client.post("/login", data={"password": stack.console_password})

    assert [answer.status_code for answer in tried] == [401] * 5 + [429]
    assert late.status_code == 429
    assert int(tried[-1].headers["retry-after"]) > 0


async def test_guesses_at_once_wait_as_well(stack: Stack) -> None:
    """Thirty that come together are not all looked at before the first is counted."""
    async with _console(stack, address="127.0.0.3") as client:
        answers = await asyncio.gather(
            *(client.post("/login", data={"password": "wrong"}) for _ in range(30))
        )

    assert sum(answer.status_code == 401 for answer in answers) == 5


async def test_forms_of_others_and_foreign_names_are_refused(stack: Stack) -> None:
    """Another site's form, a form without its origin, and another host's name reach no page."""
    async with _console(stack) as client:
        await client.post("/login", data={"password": stack.console_password})
        cookie = client.cookies.jar
        foreign = await client.post("/logout", headers={"origin": "https://evil.example"})
        silent = await client.post("/logout", headers={"origin": ""})
        renamed = await client.get("/", headers={"host": "rebound.example"})
        mine = await client.get("/")

    assert [foreign.status_code, silent.status_code, renamed.status_code, mine.status_code] == [
        403,
        403,
        421,
        200,
    ]
    assert "default-src 'none'" in mine.headers["content-security-policy"]
    assert all(
        each.has_nonstandard_attr("HttpOnly") and each.get_nonstandard_attr("SameSite") == "strict"
        for each in cookie
    )


def _console(stack: Stack, address: str = "127.0.0.1") -> httpx.AsyncClient:
    """A client that sends what a browser does, from an address of its own."""
    url = stack.urls["console"]
    transport = httpx.AsyncHTTPTransport(local_address=address)
    return httpx.AsyncClient(base_url=url, headers={"origin": url}, transport=transport, trust_env=False)


def _qstash(stack: Stack) -> httpx.AsyncClient:
    headers = {"authorization": f"Bearer {QSTASH_TOKEN}"}
    return httpx.AsyncClient(base_url=stack.urls["qstash"], headers=headers, trust_env=False)


async def _paused(stack: Stack, schedule: str) -> bool:
    async with _qstash(stack) as client:
        return bool((await client.get(f"/v2/schedules/{schedule}")).json().get("isPaused"))
