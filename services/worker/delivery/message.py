"""An alert or a notice as a message. What posts and names say goes through ``harmless``; links are ours alone."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.worker.delivery.harmless import harmless, slack_escaped
from shared.schemas.alert import Alert, AlertPost
from shared.store.notices import Notice

TITLE_MOST, TEXT_MOST, SAID_MOST = 120, 280, 600
TEST_TITLE = "Groundswell: test"
TEST_TEXT = "This is a test. Alerts of your watches arrive here."


#: What is sent; ``None`` is a test.
Told = Alert | Notice | None


def title(told: Told) -> str:
    """The first line."""
    if isinstance(told, Notice):
        return f"Groundswell: {harmless(told.title, TITLE_MOST)}"
    return f"Watch “{harmless(told.watch_name, TITLE_MOST)}”" if told else TEST_TITLE


def plain(told: Told) -> str:
    """The rest, as plain text."""
    if not isinstance(told, Alert):
        return "\n\n".join(part for part in (_summary(told), _link(told)) if part)
    alert = told
    lines = [_summary(alert), ""]
    for post in alert.samples:
        lines.append(f"{_time(post.time)} {harmless(post.author, 80)}: {harmless(post.text, TEXT_MOST)}")
        if post.url:
            lines.append(post.url)
    if link := _link(alert):
        lines += ["", link]
    return "\n".join(lines)


def slack(told: Told) -> dict[str, Any]:
    """The body for an incoming webhook: blocks for Slack, ``text`` for those that know no blocks."""
    heading = title(told)
    body: dict[str, Any] = {
        "text": slack_escaped(f"{heading}\n{plain(told)}"),
        "unfurl_links": False,
        "unfurl_media": False,
        "blocks": [_header(slack_escaped(heading)), _section(slack_escaped(_summary(told)))],
    }
    for post in told.samples if isinstance(told, Alert) else ():
        body["blocks"] += [_quote(post), _source(post)]
    if link := _link(told):
        body["blocks"].append(_section(f"<{link}|Open in Groundswell>"))
    return body


def _summary(told: Told) -> str:
    if not isinstance(told, Alert):
        return harmless(told.said, SAID_MOST) if told else TEST_TEXT
    alert = told
    matched = ", ".join(f"{harmless(word.word, 60)} ({word.posts})" for word in alert.matched[:10])
    parts = [
        f"{alert.reason} Up to {_time(alert.at)}, since {_time(alert.began_at)}.",
        f"Matched: {matched}." if matched else "",
        f"Languages: {', '.join(harmless(language, 20) for language in alert.languages)}." if alert.languages else "",
        f"Topics: {', '.join(harmless(topic.label, 80) for topic in alert.topics)}." if alert.topics else "",
    ]
    return "\n".join(part for part in parts if part)


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


def _link(told: Told) -> str:
    """Without a public address there is no link that works elsewhere."""
    link = told.page if isinstance(told, Notice) else told.link if told else ""
    return link if link.startswith(("http://", "https://")) else ""
