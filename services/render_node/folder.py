"""A job's folder: what the command reads and where it writes. No name in it comes from the job."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import msgspec

from shared.contracts.render_jobs import RenderJob

_ENDINGS = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}


class JobFolder:
    """``report.json``, ``assets.json`` (label, media type and file of each asset), ``assets/`` and ``output.pdf``."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.report, self.output = path / "report.json", path / "output.pdf"

    def fill(self, job: RenderJob) -> None:
        """Write the job's files into an empty folder. Raises OSError."""
        self.remove()
        assets = self.path / "assets"
        assets.mkdir(parents=True, mode=0o700)
        self.report.write_bytes(msgspec.json.encode(job.report))
        listed = []
        for number, asset in enumerate(job.assets, start=1):
            name = f"asset-{number}.{_ENDINGS[asset.media_type]}"
            (assets / name).write_bytes(asset.data)
            listed.append({"label": asset.label, "media_type": asset.media_type, "file": f"assets/{name}"})
        (self.path / "assets.json").write_bytes(msgspec.json.encode(listed))

    def words(self, template: Sequence[str]) -> list[str]:
        """The command with the places of this job in it."""
        places = {"{job}": self.path, "{report}": self.report, "{output}": self.output}
        return [_put(word, places) for word in template]

    def remove(self) -> None:
        """The folder and all in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def _put(word: str, places: dict[str, Path]) -> str:
    for name, path in places.items():
        word = word.replace(name, str(path))
    return word
