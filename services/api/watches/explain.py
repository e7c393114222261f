"""The sentence that says why an alert was raised, with figures a person can check."""

from __future__ import annotations

from services.api.watches.episodes import Figures
from shared.schemas.watch import WatchRule


def reason(rule: WatchRule, figures: Figures, told_before: int) -> str:
    """``told_before`` is how many posts the alert before it in this episode had; 0 for the first."""
    said = (
        f"{_many(figures.posts, 'post')} by {_many(figures.authors, 'account')} "
        f"in {_many(rule.threshold.minutes, 'minute')}"
    )
    if figures.usual is None:
        said += "; what is usual is not known yet."
    else:
        times = f", {figures.ratio:.1f} times as many" if figures.ratio and figures.ratio >= 1.05 else ""
        hint = " (from less than a day)" if figures.provisional else ""
        said += f", usually {_amount(figures.usual)}{times}{hint}."
    return said + (f" It has grown from {told_before} at the last alert." if told_before else "")


def _many(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")
