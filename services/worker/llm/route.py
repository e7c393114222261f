"""Which models a request may go to, and in which order. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from services.worker.llm.request import Kind, Request
from services.worker.llm.tiers import Model

#: A request of more characters, or of more turns, is no simple one.
LONG_CHARACTERS = 6_000
MANY_MESSAGES = 3
_REASONING = re.compile(r"\b(prove|derive|step by step|root cause|trade-?offs?|contradict\w*|reason about)\b", re.I)
_ANALYSIS = re.compile(r"\b(analy[sz]\w*|compare|explain|why|evaluate|summar\w+|assess|fact-?check)\b", re.I)


def classify(request: Request) -> Kind:
    """What the request needs of a model. Who asks may say it; otherwise tools, length and wording tell."""
    if request.kind:
        return request.kind
    if request.tools:
        return "tools"
    asked = " ".join(message.text for message in request.messages if message.role == "user")
    if _REASONING.search(asked):
        return "reasoning"
    if len(asked) > LONG_CHARACTERS or len(request.messages) > MANY_MESSAGES or _ANALYSIS.search(asked):
        return "analysis"
    return "simple"


def capable(models: Sequence[Model], request: Request, kind: Kind, input_tokens: int) -> list[Model]:
    """Models that can do it well, the cheapest first."""
    return [model for model in models if kind in model.can and _possible(model, request, input_tokens)]


def pinch(models: Sequence[Model], request: Request, kind: Kind, input_tokens: int) -> list[Model]:
    """Models that can do it at a pinch, the cheapest first."""
    return [
        model
        for model in models
        if kind not in model.can and kind in model.at_a_pinch and _possible(model, request, input_tokens)
    ]


def _possible(model: Model, request: Request, input_tokens: int) -> bool:
    """Whether the model can take the request at all. A token is seldom less than two bytes: no false refusal."""
    if request.tools and "tools" not in (*model.can, *model.at_a_pinch):
        return False
    return input_tokens // 2 <= model.context and model.output >= request.least_tokens
