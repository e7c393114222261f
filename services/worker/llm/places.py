"""Answers with places in them: a model writes the text around the values and never sees these.

A prompt may hold marks, ⟦city⟧, and the values that belong there. The model is asked with the marks as they are, and
what it answers is a text with marks, which is filled in here. So one answer serves every value, and none of a value's
meaning can be in it: no near miss (another number, a "not", another name) is ever answered, since all words but the
values are compared exactly. Whoever asks so says that the text around does not depend on the values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from services.worker.llm.request import Reply, Request

_MARK = re.compile("⟦([a-z][a-z0-9_]*)⟧")
#: Anything that looks like one, also where a model has changed it.
_LIKE_MARK = re.compile("[⟦⟧]")
_TOLD = (
    "Words such as ⟦name⟧ are places that are filled in later. Use every place at least once, exactly as it is "
    "written, brackets included, and say nothing that depends on what will stand there."
)


def marked(request: Request) -> Request:
    """``request`` as the model is asked: with its marks, and word of what they are.

    Raises ValueError for marks without a value, values without a mark, and beside tools: their arguments would hold
    marks.
    """
    if not request.places:
        return request
    if request.tools:
        raise ValueError("places do not go with tools")
    asked = set(_MARK.findall(request.system))
    for message in request.messages:
        asked |= set(_MARK.findall(message.text))
    if asked != set(request.places):
        raise ValueError(f"the prompt has places {sorted(asked)}, and values for {sorted(request.places)}")
    system = f"{request.system}\n\n{_TOLD}".strip()
    return msgspec.structs.replace(request, system=system, places={})


def wrong_marks(reply: Reply, places: Mapping[str, str]) -> str | None:
    """What keeps ``reply`` from being filled in, if anything does."""
    used = set(_MARK.findall(reply.text))
    if unknown := sorted(used - set(places)):
        return f"it has places that nobody asked for: {', '.join(unknown)}"
    if missing := sorted(set(places) - used):
        return f"it left out the places {', '.join(missing)}"
    if _LIKE_MARK.search(_MARK.sub("", reply.text)):
        return "it changed the brackets of a place"
    return None


def filled(reply: Reply, places: Mapping[str, str]) -> Reply:
    """``reply`` with the values in their places. Marks within a value stay what they are: text."""
    if not places:
        return reply
    return msgspec.structs.replace(reply, text=_MARK.sub(lambda mark: places[mark[1]], reply.text))
