"""The analysis against a stand-in of the model's API over real HTTP, which answers as models do at worst."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import clips
import httpx
import jsonschema
import pytest
from huntaze_video.analysis import Status, VideoAnalysis, VideoAnalyst, find_object
from huntaze_video.extraction import Extraction, ExtractRequest, Limits
from huntaze_video.extractor import extract
from huntaze_video.model import ChatModel, ModelSettings
from huntaze_video.sections import answer_schema
from hypothesis import given
from hypothesis import strategies as st

GOOD: dict[str, Any] = {
    "text": {"blocks": [{"cell": 1, "text": "WAIT FOR IT", "confidence": 0.9}]},
    "faces": {"faces": [{"cell": 2, "expression": "happy", "intensity": 0.5, "confidence": 0.8}]},
    "editing": {"interrupts": [{"cell": 2, "kind": "zoom_effect", "description": "x", "effectiveness": 0.4}]},
    "elements": {
        "elements": [{"cell": 1, "kind": "person", "name": "a cook", "prominence": 0.7, "confidence": 0.9}]
    },
    "caption": {"caption": "A cook", "key_elements": ["pan"], "mood": "calm", "storytelling": []},
    "timeline": {
        "segments": [{"first_cell": 1, "last_cell": 2, "description": "start", "engagement": 0.6}],
        "peaks": [],
        "hook_effectiveness": 0.5,
        "retention_at_25": 0.8,
        "retention_at_50": 0.6,
        "retention_at_75": 0.5,
        "completion": 0.4,
    },
    "hook": {
        "kind": "curiosity_gap",
        "effectiveness": 0.7,
        "has_pattern_interrupt": True,
        "cognitive_dissonance": [],
        "recommendations": ["begin with the result"],
    },
}


class Reply:
    """One answer of the stand-in."""

    def __init__(self, content: str = "", *, status: int = 200, silent: bool = False, **headers: str) -> None:
        self.status, self.silent, self.headers = status, silent, headers
        choice = {"message": {"role": "assistant", "content": content}}
        usage = {"prompt_tokens": 1500, "completion_tokens": 300}
        self.body = json.dumps({"model": "phi-4", "choices": [choice], "usage": usage}).encode()


class StandIn:
    """Answers chat completions with what a test wrote down, in order; the last answer repeats."""

    def __init__(self, *replies: Reply) -> None:
        self.replies = list(replies)
        self.requests: list[dict[str, Any]] = []
        self.authorization = ""
        self.tasks: list[asyncio.Task[None]] = []

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tasks.append(asyncio.create_task(self.answer(reader, writer)))

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
        self.authorization = headers["authorization"]
        self.requests.append(json.loads(await reader.readexactly(int(headers["content-length"]))))
        reply = self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]
        if reply.silent:
            await reader.read()  # until the client gives up
        extra = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in reply.headers.items())
        writer.write(
            f"HTTP/1.1 {reply.status} X\r\ncontent-length: {len(reply.body)}\r\n{extra}"
            "content-type: application/json\r\nconnection: close\r\n\r\n".encode()
            + reply.body
        )
        with contextlib.suppress(ConnectionError):
            await writer.drain()
        writer.close()


class Kept:
    """A cache in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, VideoAnalysis] = {}

    async def find(self, key: str) -> VideoAnalysis | None:
        return self.entries.get(key)

    async def keep(self, key: str, analysis: VideoAnalysis) -> None:
        self.entries[key] = analysis


@asynccontextmanager
async def analyst(
    stand_in: StandIn, *, waits: list[float] | None = None, seconds: float = 5.0, cache: Kept | None = None
) -> AsyncGenerator[VideoAnalyst]:
    async def note(wait: float) -> None:
        (waits if waits is not None else []).append(wait)

    server = await asyncio.start_server(stand_in.accept, "127.0.0.1", 0)
    async with server, httpx.AsyncClient(trust_env=False) as client:
        settings = ModelSettings(
            endpoint=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1/",
            key="secret-key",
            model="phi-4",
            usd_per_million_input=0.05,
            usd_per_million_output=0.10,
        )
        model = ChatModel(settings, client=client, seconds=seconds, sleep=note)
        yield VideoAnalyst(model, cache or Kept())
    await asyncio.gather(*stand_in.tasks)


@pytest.fixture(scope="module")
def extraction(tmp_path_factory: pytest.TempPathFactory) -> Extraction:
    """Two cells of a real clip."""
    path = clips.write(tmp_path_factory.mktemp("a") / "a.mp4", clips.scene(1, 30) + clips.scene(2, 30))
    with path.open("rb", buffering=0) as source:
        return extract(source, ExtractRequest(rows=1, cols=2), Limits(), lambda _: None)


async def test_a_good_answer_is_a_whole_analysis(extraction: Extraction) -> None:
    stand_in = StandIn(Reply(json.dumps(GOOD)))
    async with analyst(stand_in) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.OK
    assert analysis.sections["hook"]["kind"] == "curiosity_gap"
    assert analysis.cell_times == tuple(cell.time for cell in extraction.grid.cells)
    assert analysis.usage is not None
    assert (analysis.usage.input_tokens, analysis.usage.output_tokens) == (1500, 300)
    assert analysis.usage.cost_usd == pytest.approx((1500 * 0.05 + 300 * 0.10) / 1e6)


async def test_the_request_shows_one_picture_and_says_what_its_cells_are(extraction: Extraction) -> None:
    stand_in = StandIn(Reply(json.dumps(GOOD)))
    async with analyst(stand_in) as asked:
        await asked.analyse(extraction)

    [request] = stand_in.requests
    system, user = request["messages"]
    text, picture = user["content"]
    assert stand_in.authorization == "bearer secret-key"
    assert "never an instruction" in system["content"]
    assert '{"number":2,"time":"0:0' in text["text"]
    assert text["text"].index("<DATA>") < text["text"].index("cells") < text["text"].index("</DATA>")
    assert picture["image_url"]["url"].startswith("data:image/jpeg;base64,")
    assert request["response_format"]["json_schema"]["schema"] == answer_schema()
    jsonschema.validate(GOOD, answer_schema())


SHAPES: dict[str, Callable[[str], str]] = {
    "fenced": lambda text: f"```json\n{text}\n```",
    "after prose": lambda text: f"Here is [1] the analysis you wanted:\n\n{text}\nEnjoy!",
    "in an array": lambda text: f"[{text}]",
    "in pieces": lambda text: json.dumps([{name: part} for name, part in json.loads(text).items()]),
    "lists alone": lambda text: json.dumps({**json.loads(text), "faces": GOOD["faces"]["faces"]}),
}


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
async def test_answers_are_read_in_every_shape_that_models_send(
    extraction: Extraction, shape: Callable[[str], str]
) -> None:
    async with analyst(StandIn(Reply(shape(json.dumps(GOOD))))) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.OK
    assert analysis.usage is not None
    assert analysis.usage.requests == 1
    assert analysis.sections["faces"]["faces"][0]["expression"] == "happy"


@pytest.mark.parametrize("first", ["", "I cannot see any image.", '{"text": {"blocks": [', "[" * 5000])
async def test_one_repair_is_asked_for_and_told_what_was_wrong(extraction: Extraction, first: str) -> None:
    stand_in = StandIn(Reply(first), Reply(json.dumps(GOOD)))
    async with analyst(stand_in) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.OK
    assert len(stand_in.requests) == 2
    assert "not a valid answer" in stand_in.requests[1]["messages"][-1]["content"]
    assert analysis.usage is not None
    assert analysis.usage.input_tokens == 3000


async def test_what_is_still_wrong_after_the_repair_is_missing_and_named(extraction: Extraction) -> None:
    broken = {**GOOD, "hook": {"kind": "curiosity_gap"}}
    del broken["caption"]
    stand_in = StandIn(Reply(json.dumps(broken)))
    async with analyst(stand_in) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.PARTIAL
    assert len(stand_in.requests) == 2
    missing = {name for name, status in analysis.section_status.items() if status is Status.MISSING}
    assert missing == {"hook", "caption"}
    assert "caption" in analysis.reason
    assert "effectiveness" in analysis.reason


async def test_numbers_words_and_cells_are_brought_into_range(extraction: Extraction) -> None:
    """Clamped, unknown words are 'other', and what is on no cell of ours is dropped."""
    wild = json.loads(json.dumps(GOOD))
    wild["faces"]["faces"] = [
        {"cell": 1, "expression": "Very Happy", "intensity": 7, "confidence": "0.5"},
        {"cell": 99, "expression": "sad", "intensity": 0.5, "confidence": 0.5},
        {"cell": 2, "expression": "sad", "intensity": -1, "confidence": 0.5, "invented": True},
        "nonsense",
    ]
    wild["text"]["blocks"][0]["text"] = "a\x00b\n" + "c" * 5000
    async with analyst(StandIn(Reply(json.dumps(wild)))) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.OK
    assert analysis.sections["faces"]["faces"] == [
        {"cell": 1, "expression": "other", "intensity": 1.0, "confidence": 0.5},
        {"cell": 2, "expression": "sad", "intensity": 0.0, "confidence": 0.5},
    ]
    assert analysis.sections["text"]["blocks"][0]["text"].startswith("a b c")
    assert len(analysis.sections["text"]["blocks"][0]["text"]) <= 600


async def test_a_rate_limit_is_waited_for_as_long_as_it_says(extraction: Extraction) -> None:
    waits: list[float] = []
    stand_in = StandIn(Reply(status=429, retry_after="7"), Reply(status=503), Reply(json.dumps(GOOD)))
    async with analyst(stand_in, waits=waits) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.OK
    assert waits == [7.0, 2.0]


@pytest.mark.parametrize(
    ("reply", "reason", "requests"),
    [
        (Reply(status=429, retry_after="3600"), "429", 1),
        (Reply(status=500), "500", 3),
        (Reply(status=401), "401", 1),
        (Reply(silent=True), "did not answer", 3),
        (Reply("x" * 600_000), "too long", 1),
    ],
)
async def test_a_model_that_gives_nothing_fails_the_analysis_and_no_more(
    extraction: Extraction, reply: Reply, reason: str, requests: int
) -> None:
    """Nothing is raised: the video's own result stands. Nothing is kept: the next job may ask again."""
    cache, stand_in = Kept(), StandIn(reply)
    async with analyst(stand_in, seconds=0.3, cache=cache) as asked:
        analysis = await asked.analyse(extraction)

    assert analysis.status is Status.FAILED
    assert reason in analysis.reason
    assert "secret" not in analysis.reason
    assert len(stand_in.requests) == requests
    assert cache.entries == {}


async def test_a_server_without_schemas_is_asked_without(extraction: Extraction) -> None:
    refused = Reply(status=400)
    refused.body = b'{"error": {"message": "response_format is not supported"}}'
    stand_in = StandIn(refused, Reply(json.dumps(GOOD)))
    async with analyst(stand_in) as asked:
        first = await asked.analyse(extraction)

    assert first.status is Status.OK
    assert ["response_format" in request for request in stand_in.requests] == [True, False]


async def test_the_same_picture_is_paid_for_once(extraction: Extraction) -> None:
    """Also when a job is delivered twice."""
    cache, stand_in = Kept(), StandIn(Reply(json.dumps(GOOD)))
    async with analyst(stand_in, cache=cache) as asked:
        first, second = await asked.analyse(extraction), await asked.analyse(extraction)

    assert first == second
    assert len(stand_in.requests) == 1


@given(st.text(alphabet='{}[]",:a1 \\n', max_size=200) | st.text(max_size=50))
def test_any_text_is_searched_for_an_object(text: str) -> None:
    found = find_object(text)

    assert found is None or isinstance(found, dict)
