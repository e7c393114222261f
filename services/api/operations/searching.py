"""Search, as an operation. The search itself is in ``search.py``; it is injected with the services."""

from __future__ import annotations

import msgspec

from services.api.operations.context import Context
from services.api.operations.queries import SearchInput
from services.api.operations.registry import operation
from shared.errors import InputError
from shared.schemas.search import SearchResult


@operation("/api/v1/search", scope="posts:read", toolset="posts", taints=True, core=True)
async def search(context: Context, query: SearchInput) -> SearchResult:
    """Posts found by meaning and by words, best first or newest first. ``mode`` says what could be searched."""
    if query.since and query.until and query.since >= query.until:
        raise InputError("The request is not valid.", why="`since` is not before `until`.")
    if msgspec.structs.replace(query, q=query.q.strip(), sort="relevance", fold=True, limit=20) == SearchInput():
        raise InputError("The request is not valid.", why="`q` holds no text, and there is no `like` and no filter.")
    return await context.services.search(context.services.database, query)
