"""The sentence that says why an alert was raised, with figures a person can check."""

from __future__ import annotations

from services.api.watches.episodes import Figures
from shared.schemas.watch import WatchRule


def reason(rule: WatchRule, figures: Figures, told_before: int) -> str:
    """``told_before`` is how many posts the alert before it in this episode had; 0 for the first."""
    known = "; what is usual is not known yet" if figures.usual is None else ""
    grown = f" It has grown from {told_before} at the last alert." if told_before else ""
    return f"{_counted(rule, figures)}{known}.{grown}"


def topic_reason(posts: int, authors: int | None, posts_hour: int, level: int) -> str:
    """``posts`` of the topic's ``posts_hour`` match; ``level`` is how often it was told before."""
    by = "" if authors is None else f", by {many(authors, 'account')}"
    grown = " It has grown fourfold since the last alert." if level else ""
    return (
        f"{posts:,} of the {many(posts_hour, 'post')} of the last hour in a topic that gains momentum "
        f"{'matches' if posts == 1 else 'match'}{by}.{grown}"
    )


def threshold_too(rule: WatchRule, figures: Figures) -> str:
    """Added to a topic's alert when the threshold is reached by the same posts."""
    return f"The threshold was reached too ({_counted(rule, figures)}): both conditions hold."


def _counted(rule: WatchRule, figures: Figures) -> str:
    said = (
        f"{many(figures.posts, 'post')} by {many(figures.authors, 'account')} "
        f"in {many(rule.threshold.minutes, 'minute')}"
    )
    if figures.usual is None:
        return said
    times = f", {figures.ratio:.1f} times as many" if figures.ratio and figures.ratio >= 1.05 else ""
    hint = " (from less than a day)" if figures.provisional else ""
    return f"{said}, usually {_amount(figures.usual)}{times}{hint}"


def many(number: int, noun: str) -> str:
    """``1 post``, ``2,000 posts``."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _amount(number: float) -> str:
    return f"{number:,.0f}" if number >= 10 else f"{number:.1f}".removesuffix(".0")
