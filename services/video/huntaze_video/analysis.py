"""Ask a multimodal model what a video shows.

Written for Phi-4-multimodal. It sees one picture, the contact sheet, which is what its model card advises.
One more request repairs a bad answer; what is still wrong then is missing from the result and named there.
Answers are kept by the grid, the prompt's version and the model: the same picture is never paid for twice.
Without an endpoint the analysis is skipped, and whatever happens to it, the video's own result stands.
"""

import base64
import hashlib
import json
import re
from enum import StrEnum
from itertools import islice
from time import monotonic
from typing import Any, Protocol, cast

import msgspec

from huntaze_video.extraction import Extraction
from huntaze_video.model import ChatModel, ModelRefused
from huntaze_video.prompt import INSTRUCTIONS, PROMPT_VERSION, write_repair, write_request
from huntaze_video.sections import SECTIONS, Section, answer_schema, read_section

_OPENING = re.compile(r"[{\[]")
_MOST_OPENINGS = 20
"""Brackets at which an object is looked for, so that a text of nothing but brackets costs little."""


class Status(StrEnum):
    """How an analysis, or one of its sections, ended."""

    OK = "ok"
    PARTIAL = "partial"
    SKIPPED = "skipped"
    FAILED = "failed"
    MISSING = "missing"


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What an analysis cost."""

    model: str
    requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float
    seconds: float


class VideoAnalysis(msgspec.Struct, frozen=True, kw_only=True):
    """What the model said, section by section, with the time of each cell that it speaks of."""

    status: Status
    reason: str = ""
    prompt_version: str = PROMPT_VERSION
    sections: dict[str, Any] = {}
    section_status: dict[str, Status] = {}
    cell_times: tuple[float, ...] = ()
    """Seconds; the time of cell ``n`` is at ``n - 1``."""
    usage: Usage | None = None


class AnalysisCache(Protocol):
    """Keeps analyses that were paid for."""

    async def find(self, key: str) -> VideoAnalysis | None:
        """Return what is kept under a key."""
        ...

    async def keep(self, key: str, analysis: VideoAnalysis) -> None:
        """Keep an analysis; one that is there already stays."""
        ...


class VideoAnalyst:
    """Analyses contact sheets with one model."""

    def __init__(
        self,
        model: ChatModel,
        cache: AnalysisCache,
    ) -> None:
        self._model = model
        self._cache = cache

    async def analyse(self, extraction: Extraction) -> VideoAnalysis:
        """Return what is known of a video, asking the model if it has not been asked before."""
        key = self.key_of(extraction)
        kept = await self._cache.find(key)
        if kept is not None:
            return kept
        conversation = _Conversation(self._model, extraction)
        try:
            analysis = await conversation.run()
        except ModelRefused as refusal:
            return VideoAnalysis(status=Status.FAILED, reason=str(refusal), usage=conversation.usage())
        if analysis.status is not Status.FAILED:
            await self._cache.keep(key, analysis)
        return analysis

    def key_of(self, extraction: Extraction) -> str:
        """Return the name under which the analysis of this contact sheet is kept."""
        picture = hashlib.sha256(extraction.grid.image.data).hexdigest()
        return f"{picture}:{PROMPT_VERSION}:{self._model.name}"


class _Conversation:
    """One contact sheet: the request, the answer, and one repair."""

    def __init__(self, model: ChatModel, extraction: Extraction) -> None:
        self._model = model
        self._cells = extraction.grid.cells
        picture = extraction.grid.image
        data = base64.b64encode(picture.data).decode()
        text = write_request(self._cells, extraction.measures, extraction.transitions)
        self._messages: list[dict[str, Any]] = [
            {"role": "system", "content": INSTRUCTIONS},
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": text},
                    {"type": "image_url", "image_url": {"url": f"data:{picture.media_type};base64,{data}"}},
                ],
            },
        ]
        self._sections: dict[str, Section] = {}
        self._tokens = [0, 0]
        self._requests = 0
        self._answered_by = ""
        self._began = monotonic()

    async def run(self) -> VideoAnalysis:
        """Ask, and ask once more for what is missing."""
        problems = await self._round()
        if problems:
            self._messages.append({"role": "user", "content": write_repair(problems)})
            try:
                problems = await self._round()
            except ModelRefused:
                if not self._sections:
                    raise
        missing = [name for name in SECTIONS if name not in self._sections]
        status = Status.OK if not missing else Status.PARTIAL if self._sections else Status.FAILED
        return VideoAnalysis(
            status=status,
            reason="" if not missing else "; ".join(problems)[:500],
            sections=msgspec.json.decode(msgspec.json.encode(self._sections)),
            section_status={
                name: Status.OK if name in self._sections else Status.MISSING for name in SECTIONS
            },
            cell_times=tuple(cell.time for cell in self._cells),
            usage=self.usage(),
        )

    def usage(self) -> Usage:
        """Return what was used up to now."""
        return Usage(
            model=self._answered_by,
            requests=self._requests,
            input_tokens=self._tokens[0],
            output_tokens=self._tokens[1],
            cost_usd=self._model.price(*self._tokens),
            seconds=round(monotonic() - self._began, 3),
        )

    async def _round(self) -> list[str]:
        """Send the conversation, read the answer, and return what is wrong with it."""
        answer = await self._model.ask(self._messages, answer_schema())
        self._requests += 1
        self._count(answer)
        text = _content(answer)
        # The bad answer belongs to the conversation that a repair goes on.
        self._messages.append({"role": "assistant", "content": text[:20_000]})
        given = find_object(text)
        if given is None:
            return ["it holds no JSON object"]
        problems: list[str] = []
        for name in SECTIONS:
            if name not in given:
                if name not in self._sections:
                    problems.append(f"'{name}' is missing")
                continue
            try:
                self._sections[name] = read_section(name, given[name], len(self._cells))
            except msgspec.ValidationError as error:
                if name not in self._sections:
                    problems.append(f"'{name}': {error}")
        return problems

    def _count(self, answer: dict[str, Any]) -> None:
        self._answered_by = str(answer.get("model", ""))[:200]
        usage = answer.get("usage")
        if isinstance(usage, dict):
            counted = cast(dict[str, object], usage)
            for index, name in enumerate(("prompt_tokens", "completion_tokens")):
                number = counted.get(name)
                self._tokens[index] += number if isinstance(number, int) and number > 0 else 0


def find_object(text: str) -> dict[str, Any] | None:
    """Return the first JSON object of a model's text: alone, fenced, after prose, or wrapped in an array."""
    decoder = json.JSONDecoder()
    for start in islice(_OPENING.finditer(text), _MOST_OPENINGS):
        try:
            value, _ = decoder.raw_decode(text, start.start())
        except (ValueError, RecursionError):
            continue
        merged = _merged(value)
        if merged is not None:
            return merged
    return None


def _merged(value: object) -> dict[str, Any] | None:
    """Return an object, or the objects of a list as one."""
    if isinstance(value, dict):
        return cast(dict[str, Any], value)
    merged: dict[str, Any] = {}
    for item in cast(list[object], value) if isinstance(value, list) else []:
        if isinstance(item, dict):
            merged.update(cast(dict[str, Any], item))
    return merged or None


def _content(answer: dict[str, Any]) -> str:
    """Return the text of the first choice, which may come in parts; empty when there is none."""
    try:
        content = answer["choices"][0]["message"]["content"]
        return content if isinstance(content, str) else "".join(part["text"] for part in content)
    except (KeyError, IndexError, TypeError):
        return ""
