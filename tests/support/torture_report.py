"""A torture run told to people, and to programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from tests.support.torture import Result


def write(result: Result, folder: Path | None) -> str:
    """The report as Markdown; into ``folder`` too, with its JSON beside it."""
    text = markdown(result)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "torture.md").write_text(text)
        (folder / "torture.json").write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    return text


def markdown(result: Result) -> str:
    verdict = result.verdict
    wrong = {what: number for what, number in verdict.wrong.items() if number}
    lines = [
        f"# Torture run, seed {result.seed}: {'passed' if result.passed else 'FAILED'}",
        "",
        f"{result.seconds:g} s of faults, {result.wall_seconds:g} s in all. "
        f"SIGKILL: {_list(result.killed)}. {result.connections} connections.",
        "",
        "| what | number |",
        "| --- | ---: |",
        f"| connections read as {', '.join(result.read_as)} | {', '.join(map(str, result.read_as.values()))} |",
        f"| events served that the relay asked for | {verdict.served} |",
        f"| posts in the record | {verdict.stored_posts} |",
        f"| events in stretches the server had forgotten | {verdict.unreadable} |",
        f"| events the server left out at a change to live | {result.lost_at_cutover} |",
        *(
            f"| read again ({again.cause}): stretches / events / new | {again.rows} / {again.events} / {again.found} |"
            for again in result.read_again
        ),
        f"| accounts gone for good / posts removed for it | {result.departed.accounts} / {result.departed.posts} |",
        f"| posts that became cold / movers killed | {result.archived.posts} / {result.movers_killed} |",
        f"| momentum, the same of record and stream: posts / minutes / topics / detections | "
        f"{result.momentum.posts} / {result.momentum.minutes} / {result.momentum.topics} / "
        f"{result.momentum.detections} |",
        f"| relay memory, MB: first / peak / last | "
        f"{result.rss_first_mb:g} / {result.rss_peak_mb:g} / {result.rss_last_mb:g} |",
        f"| differences between record and truth | {sum(wrong.values())} |",
        "",
        "## Gaps",
        "",
        "| from (us) | to (us) | seconds | cause |",
        "| ---: | ---: | ---: | --- |",
        *(
            f"| {gap.start_us} | {gap.end_us} | {(gap.end_us - gap.start_us) / 1e6:.3f} | {gap.cause} |"
            for gap in verdict.gaps
        ),
        "",
        "## Ends of connections: what was done, and what the relay called it",
        "",
        *(f"- {what}: {number}" for what, number in result.drops.matched.items()),
        "",
        "## Acts",
        "",
        *(f"- {act.at:.1f} s: {act.what} {act.name}".rstrip() for act in result.acts),
    ]
    if wrong or result.drops.wrong or result.momentum.wrong:
        lines += ["", "## Wrong", ""]
        lines += [f"- {what}: {number}, such as {', '.join(verdict.examples[what])}" for what, number in wrong.items()]
        lines += [f"- {what}" for what in (*result.drops.wrong, *result.momentum.wrong)]
    return "\n".join(lines) + "\n"


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number} times" for name, number in sorted(counts.items())) or "none"
