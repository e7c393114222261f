"""Options of ``groundswell simulate`` and what they build."""

from __future__ import annotations

from pathlib import Path

import msgspec

from services.solo.simulator import corpus, encoding, faults
from services.solo.simulator.stream import Stream
from shared.errors import ConfigurationError

FASTEST = 2_000.0
#: Protocols the simulator speaks.
WIRES = ("jetstream", "jetstream2")


class SimulatorOptions(msgspec.Struct, frozen=True, kw_only=True):
    """``anchor_us`` is when the stream began (UTC microseconds); ``None``: ``history_minutes`` ago.

    The same seed, rate, anchor and corpus give the same stream, so who restarts a simulator must
    pass the anchor of its first start. ``rate`` is events a second, averaged over a day.
    ``corpus`` is a folder of own texts; ``None`` takes those that ship with the package. ``dictionary``
    is a file with the zstd dictionary for ``compress=true``, made there when it is missing. ``control``
    opens the door for tests.
    """

    host: str = "127.0.0.1"
    port: int = 0
    rate: float = 50.0
    seed: int = 1
    history_minutes: float = 60.0
    anchor_us: int | None = None
    retention_hours: float = 24.0
    faults: str = ""
    control: bool = False
    wire: str = "jetstream"
    corpus: Path | None = None
    dictionary: Path | None = None

    def check(self, now_us: int) -> None:
        """Raise ``ConfigurationError`` for the first option that cannot be."""
        if self.wire not in WIRES:
            raise _bad("--wire", f"{self.wire!r} is none of {', '.join(WIRES)}", "jetstream")
        if not 0 < self.rate <= FASTEST:
            raise _bad("--rate", f"{self.rate:g} is not in 0 to {FASTEST:g} events a second", "50")
        if not 0 <= self.port <= 65_535:
            raise _bad("--port", f"{self.port} is not a port", "6008, or 0 for a free one")
        if not 0 <= self.history_minutes <= 7 * 24 * 60:
            raise _bad("--history-minutes", f"{self.history_minutes:g} is not in 0 to 10080", "60")
        if not 0 < self.retention_hours <= 7 * 24:
            raise _bad("--retention-hours", f"{self.retention_hours:g} is not in 0 to 168", "24")
        if self.anchor_us is not None and not 1_000_000_000_000_000 <= self.anchor_us <= now_us:
            raise _bad("--anchor", f"{self.anchor_us} is no past moment in microseconds since 1970", f"{now_us}")
        faults.parse(self.faults)

    def stream(self, now_us: int) -> Stream:
        """The stream these options describe; ``now_us`` matters only without an anchor."""
        anchor_us = self.anchor_us
        if anchor_us is None:
            anchor_us = now_us - round(self.history_minutes * 60_000_000)
        return Stream(self.seed, self.rate, anchor_us, corpus.load(self.corpus))

    def dictionary_for(self, stream: Stream) -> bytes:
        """The zstd dictionary of the first version, "" without one. Raises ``ConfigurationError``."""
        if self.dictionary is None:
            return b""
        try:
            if not self.dictionary.exists():
                self.dictionary.write_bytes(encoding.train(stream, encoding.legacy))
            return self.dictionary.read_bytes()
        except OSError as error:
            raise _bad(
                "--dictionary", f"{self.dictionary}: {error.strerror or error}", "jetstream.dictionary"
            ) from error


def _bad(option: str, why: str, example: str) -> ConfigurationError:
    return ConfigurationError(f"{option} cannot be used.", why=f"{why}.", do=f"For example: {option} {example}.")
