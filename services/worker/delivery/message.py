"""An alert as a message. What posts and names say goes through ``harmless``; links are ours alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.worker.delivery.harmless import harmless, slack_escaped
from shared.schemas.alert import Alert, AlertPost

TITLE_MOST, TEXT_MOST = 120, 280
TEST_TITLE = "Groundswell: test"
TEST_TEXT = "This is a test. Alerts of your watches arrive here."


def title(alert: Alert | None) -> str:
    """The first line."""
    return f"Watch “{harmless(alert.watch_name, TITLE_MOST)}”" if alert else TEST_TITLE


def plain(alert: Alert | None) -> str:
    """The rest, as plain text."""
    if alert is None:
        return TEST_TEXT
    lines = [_summary(alert), ""]
    for post in alert.samples:
        lines.append(f"{_time(post.time)} {harmless(post.author, 80)}: {harmless(post.text, TEXT_MOST)}")
        if post.url:
            lines.append(post.url)
    if _absolute(alert.link):
        lines += ["", alert.link]
    return "\n".join(lines)


def slack(alert: Alert | None) -> dict[str, Any]:
    """The body for an incoming webhook: blocks for Slack, ``text`` for those that know no blocks."""
    heading = title(alert)
    body: dict[str, Any] = {
        "text": slack_escaped(f"{heading}\n{plain(alert)}"),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [_header(slack_escaped(heading)), _section(slack_escaped(_summary(alert) if alert else TEST_TEXT))],
    }
    if alert:
        for post in alert.samples:
            body["blocks"] += [_quote(post), _source(post)]
        if _absolute(alert.link):
            body["blocks"].append(_section(f"<{alert.link}|Open in Groundswell>"))
    return body


def _summary(alert: Alert) -> str:
    matched = ", ".join(f"{harmless(word.word, 60)} ({word.posts})" for word in alert.matched[:10])
    told = [
        f"{alert.reason} Up to {_time(alert.at)}, since {_time(alert.began_at)}.",
        f"Matched: {matched}." if matched else "",
        f"Languages: {', '.join(harmless(language, 20) for language in alert.languages)}." if alert.languages else "",
        f"Topics: {', '.join(harmless(topic.label, 80) for topic in alert.topics)}." if alert.topics else "",
    ]
    return "\n".join(line for line in told if line)


def _header(text: str) -> dict[str, Any]:
    return {"type": "header", "text": {"type": "plain_text", "text": text[:150], "emoji": False}}


def _section(markdown: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": markdown[:2900], "verbatim": True}}


def _quote(post: AlertPost) -> dict[str, Any]:
    text = slack_escaped(harmless(post.text, TEXT_MOST)) or "(no text)"
    return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}


def _source(post: AlertPost) -> dict[str, Any]:
    said = f"{slack_escaped(harmless(post.author, 80))} · {_time(post.time)}"
    link = f" · <{post.url}|post>" if post.url else ""
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": said + link, "verbatim": True}]}


def _time(time: datetime) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC"


def _absolute(link: str) -> bool:
    """Without a public address there is no link that works elsewhere."""
    return link.startswith(("http://", "https://"))
