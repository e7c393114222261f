"""The built dashboard, when there is one: files, and its page for every other address."""

from __future__ import annotations

import asyncio
import mimetypes
from pathlib import Path
from typing import Any

from litestar import Request, Response
from litestar.enums import HttpMethod
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler, route

_FOREVER = "public, max-age=31536000, immutable"
_ASK_AGAIN = "no-cache"
_TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".webmanifest": "application/manifest+json"}

_ABSENT = b"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Groundswell</title></head>
<body><h1>Groundswell is running, without its dashboard</h1>
<p>The API answers under <a href="/api/v1/openapi.json">/api/v1</a>. To see the dashboard, build it and start again:
<code>make run</code> does both. GROUNDSWELL_FRONTEND_DIR names the folder it is served from.</p></body></html>
"""


def routes(folder: str) -> list[HTTPRouteHandler]:
    """``folder`` may be empty or missing: then a page says what to do."""
    root = Path(folder).resolve() if folder else None

    @route(
        ["/", "/{path:path}"],
        http_method=[HttpMethod.GET, HttpMethod.HEAD],
        status_code=200,
        name="frontend",
        public=True,
    )
    async def frontend(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await asyncio.to_thread(serve, root, request.scope["path"])

    return [frontend]


def serve(root: Path | None, address: str) -> Response[bytes]:
    """The file at ``address`` under ``root``, or the page. Raises NotFoundException for a missing file."""
    found = _find(root, address) if root else None
    if root and found:
        kept = address.startswith("/assets/")
        return _file(found, _FOREVER if kept else _ASK_AGAIN)
    if address.startswith("/assets/") or "." in address.rpartition("/")[2]:
        raise NotFoundException
    page = _find(root, "/index.html") if root else None
    return _file(page, _ASK_AGAIN) if page else _answer(_ABSENT, "text/html", _ASK_AGAIN)


def _find(root: Path, address: str) -> Path | None:
    """The file itself, never one outside ``root``, by whatever ``..``, NUL or link."""
    try:
        path = (root / address.lstrip("/")).resolve()
        return path if path.is_relative_to(root) and path.is_file() else None
    except (OSError, ValueError):
        return None


def _file(path: Path, keep: str) -> Response[bytes]:
    kind = _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return _answer(path.read_bytes(), kind, keep)


def _answer(content: bytes, media_type: str, keep: str) -> Response[bytes]:
    return Response(content, media_type=media_type, headers={"cache-control": keep})
