"""Snapshots of Qdrant's collections as files, to keep elsewhere and to bring back.

A snapshot holds a collection whole: vectors, what is kept beside them, and its indexes. Source: Qdrant's REST
documentation of snapshots.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import httpx

from shared.errors import IndexUnavailable, InputError
from shared.vectors.qdrant import PREFIX

#: A snapshot of millions of vectors takes minutes to make, and to take in. Between two bytes no longer than this.
PATIENCE_SECONDS = 600.0
SUFFIX = ".snapshot"


class Snapshots:
    """``url`` and ``api_key`` of the server. Nothing is repeated: each call makes or replaces something whole."""

    def __init__(self, url: str, api_key: str) -> None:
        headers = {"api-key": api_key} if api_key else {}
        self._client = httpx.Client(base_url=url, headers=headers, timeout=httpx.Timeout(PATIENCE_SECONDS, connect=5.0))

    def close(self) -> None:
        """Close its connections."""
        self._client.close()

    def save(self, model: str, folder: Path) -> Path:
        """The collection of ``model`` as a file in ``folder``: there whole or not at all. Its path.

        Raises IndexUnavailable, and InputError where there is no such collection.
        """
        base = _base(model)
        with _translated(model):
            made = self._client.post(base, params={"wait": "true"})
            made.raise_for_status()
            name = str(made.json()["result"]["name"])
            path, half = folder / (PREFIX + model + SUFFIX), folder / (PREFIX + model + ".part")
            try:
                with self._client.stream("GET", f"{base}/{quote(name, safe='')}") as answer, half.open("wb") as file:
                    answer.raise_for_status()
                    for block in answer.iter_bytes():
                        file.write(block)
                half.replace(path)
            finally:
                half.unlink(missing_ok=True)
                self._client.delete(f"{base}/{quote(name, safe='')}")  # the server's copy
        return path

    def restore(self, path: Path) -> str:
        """The collection in the file ``path``, in place of what the server has of that model; the model.

        Raises IndexUnavailable, and InputError for a file that is no snapshot of ours by its name.
        """
        model = path.name.removeprefix(PREFIX).removesuffix(SUFFIX)
        if path.name != PREFIX + model + SUFFIX or not model or not path.is_file():
            raise InputError(
                f"{path} is no snapshot of vectors.",
                why=f"Those are named {PREFIX}<model>{SUFFIX}.",
                do="Give such a file.",
            )
        with _translated(model), path.open("rb") as file:
            self._client.post(
                f"{_base(model)}/upload", params={"priority": "snapshot", "wait": "true"}, files={"snapshot": file}
            ).raise_for_status()
        return model


def _base(model: str) -> str:
    return f"/collections/{quote(PREFIX + model, safe='')}/snapshots"


@contextmanager
def _translated(model: str) -> Iterator[None]:
    try:
        yield
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            raise InputError(f"Qdrant has no vectors of {model}.", why="There is no such collection.") from error
        raise IndexUnavailable("Qdrant refused.", why=f"It answered {error.response.status_code}.") from error
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise IndexUnavailable("Qdrant did not answer as it should.", why=str(error) or type(error).__name__) from error
