"""Each end of a connection that the simulator brought about, beside what the relay made of it."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

#: What the relay may call each fault. A cut without a close frame is a kick while we lag or do not read.
CAUSES = {
    "drop": {"network", "kicked"},
    "cut": {"network", "kicked"},
    "hangup": {"network", "kicked"},
    "unread": {"kicked"},
    "kick": {"kicked"},
    "toolarge": {"kicked"},
    "restart": {"restart"},
    "later": {"restart"},
    "stall": {"stall"},
    "halfopen": {"stall"},
    "refuse": {"refused"},
    # A server whose clock is behind our cursor says nothing for a while, nor does one that starts slowly.
    "clock": {"stall"},
    "slow": {"stall"},
    # A live tail in answer to a number: the number means nothing there, so we ask by time.
    "renumbered": {"restart"},
}
CODES = {"kick": 1008, "toolarge": 1009, "restart": 1001, "later": 1013, "drop": 1006, "cut": 1006, "hangup": 1006}
#: The relay's own thresholds, repeated here on purpose: the evidence must bear the cause out.
_LAGGING_SECONDS, _HELD_SECONDS = 10.0, 5.0


class Drops(msgspec.Struct):
    """``matched`` counts (fault, cause); ``wrong`` tells what does not fit."""

    matched: dict[str, int]
    wrong: list[str]


def lines(log: Path) -> list[dict[str, Any]]:
    """The relay's log, oldest first."""
    found = []
    for path in sorted(log.parent.glob(f"{log.name}*"), reverse=True):
        for line in path.read_text().splitlines():
            if line.startswith("{"):
                found.append(json.loads(line))
    return found


#: What we end ourselves because of what the server answered: the number asked for is not where it was.
_RENUMBERED = "the server numbers its events anew: asking by time instead"
#: Below this a cursor is a number of the second version, not a time.
_NUMBERS = 1_000_000_000_000_000


def compare(log: list[dict[str, Any]], journal: list[dict[str, Any]]) -> Drops:
    """Every drop the relay logged must be one the simulator caused, under its name and with its code."""
    matched: Counter[str] = Counter()
    wrong: list[str] = []
    left = list(journal)
    asked, at = 0, 0.0
    for line in log:
        if line.get("event") == "feed_connected":
            asked, at = line["cursor_us"], _seconds(line)
        if line.get("event") != "feed_disconnected":
            continue
        if line["cause"] == "refused":
            of = [entry for entry in left if entry["fault"] == "refuse"]
            asked, at = 0, _seconds(line)
        else:
            of = [entry for entry in left if entry["fault"] != "refuse" and _asked(entry, asked)]
        # On a busy machine the relay says that it is connected after the server has taken the next connection: of
        # numbers, which tell nothing of themselves, the second nearest in time may be the one.
        nearest = sorted(of, key=lambda entry: abs(entry["opened_us"] / 1e6 - at))[:2]
        found = next((entry for entry in nearest if _fault(entry, line)), None)
        fault = "" if found is None else _fault(found, line)
        if found is None:
            wrong.append(f"a drop nobody caused: {_short(line)}")
            continue
        left.remove(found)
        # The second version kicks with an error frame and cuts the line.
        codes = CODES if found["version"] == 1 else {**CODES, "kick": 1006}
        if line["cause"] not in CAUSES[fault] or (fault in codes and line["code"] != codes[fault]):
            wrong.append(f"{fault} was called {_short(line)}")
        elif CAUSES[fault] == {"network", "kicked"} and _slow(line) != (line["cause"] == "kicked"):
            wrong.append(f"{fault}: the evidence does not bear out the cause in {_short(line)}")
        elif CAUSES[fault] == {"stall"} and line["idle_seconds"] < 2:
            wrong.append(f"{fault}: no evidence of silence in {_short(line)}")
        matched[f"{fault} as {line['cause']}"] += 1
    return Drops(dict(sorted(matched.items())), wrong)


def _asked(entry: dict[str, Any], time_us: int) -> bool:
    """Whether a connection asked from ``time_us``, or by number: then only its moment tells which it is."""
    return entry["cursor"] == time_us or (entry["cursor"] is not None and entry["cursor"] < _NUMBERS)


def _fault(entry: dict[str, Any], line: dict[str, Any]) -> str:
    """What the simulator did to the connection in ``entry`` that ended as in ``line``; "" for nothing."""
    if line["detail"] == _RENUMBERED:
        return "renumbered" if entry["clock_us"] or "tail" in entry["faults"] else ""
    if line["cause"] == "stall" and entry["fault"] not in ("stall", "halfopen"):
        return "clock" if entry["clock_us"] else "slow" if "slow" in entry["faults"] else ""
    return str(entry["fault"])


def _seconds(line: dict[str, Any]) -> float:
    return datetime.fromisoformat(line["timestamp"]).timestamp()


def _slow(line: dict[str, Any]) -> bool:
    return line["lag_seconds"] > _LAGGING_SECONDS or line["held_seconds"] > _HELD_SECONDS


def _short(line: dict[str, Any]) -> str:
    names = ("cause", "code", "detail", "held_seconds", "idle_seconds", "lag_seconds")
    return ", ".join(f"{name} {line.get(name)}" for name in names)
