"""The pictures and files that jobs made, shown without trusting them."""

from typing import Annotated
from urllib.parse import quote

from litestar import Response, get
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath, QueryParameter

from huntaze_console.sources import Sources

_MOST = 64 * 1024 * 1024
"""Bytes of one object."""
_PICTURES = {b"\xff\xd8\xff": "image/jpeg", b"\x89PNG": "image/png", b"RIFF": "image/webp"}
_DOCUMENTS = {"html": "text/html; charset=utf-8", "pdf": "application/pdf", "svg": "image/svg+xml"}
# A document runs nothing and reaches nothing, even if somebody put a script into it.
_SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:"


def object_routes(sources: Sources) -> list[HTTPRouteHandler]:
    """Make the address of what a job's result names."""

    @get("/objects/{service:str}/{job_id:str}")
    async def show(
        service: FromPath[str], job_id: FromPath[str], key: Annotated[str, QueryParameter(max_length=512)]
    ) -> Response[bytes]:
        path = f"/jobs/{quote(job_id, safe='')}/objects"
        body, _ = await sources.download(service, path, _MOST, key=key)
        return _answer(key, body)

    return [show]


def _answer(key: str, body: bytes) -> Response[bytes]:
    name = key.rpartition("/")[2]
    kind = next((kind for start, kind in _PICTURES.items() if body.startswith(start)), None)
    # An object's key is made from its content: it never changes.
    headers = {"cache-control": "private, max-age=3600"}
    if kind is None:
        kind = _DOCUMENTS.get(name.rpartition(".")[2], "application/octet-stream")
        headers["content-security-policy"] = _SANDBOX
    if kind in ("application/octet-stream", "application/pdf"):
        headers["content-disposition"] = f"attachment; filename*=UTF-8''{quote(name, safe='')}"
    return Response(body, media_type=kind, headers=headers)
