"""A model on fastembed, as a custom model over our ONNX form and a tokenizer's file. Its only home.

The last resort of the chain: it sorts nothing, so the texts come to it sorted and in small batches.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
import numpy as np

from shared.embedding.e5_file import Vocabulary
from shared.embedding.local import checked
from shared.embedding.minilm_file import find_minilm
from shared.embedding.model_files import Form, files_of
from shared.embedding.models import MOST_TOKENS, MULTILINGUAL, Model, Opened
from shared.embedding.onnx_session import FILE, onnx_files
from shared.embedding.session import refusal
from shared.embedding.tokenizer import Tokenizer
from shared.errors import EmbedderAbsent, EmbedderOutOfMemory, EmbedderUnavailable
from shared.schemas.vector import DIMENSION, Vectors

_NAME = "fastembed"
#: Texts at once, sorted by length before.
_BATCH = 32


class FastembedEmbedder:
    """As ``LocalEmbedder``, with fastembed's tokenizing and loop. Raises EmbedderAbsent or EmbedderUnavailable."""

    def __init__(self, model: Model, opened: Opened, cache_dir: Path, *, threads: int) -> None:
        self.model = model.id
        self._prefixes, self._normalise = model.prefixes, opened.tokenizer.normalise
        self._turn = threading.Lock()
        self._batch = _BATCH
        try:
            self._loaded = load_fastembed(model, opened, cache_dir, threads=threads)
        except EmbedderUnavailable:
            raise
        except Exception as error:  # from four libraries, without a common base
            raise refusal(_NAME, "load", error) from error

    def embed(self, texts: Sequence[str], kind: Literal["passage", "query"]) -> Vectors:
        """Unit vectors, float32, (len(texts), DIMENSION), in the order given. Raises EmbedderUnavailable."""
        with self._turn:
            prefix = self._prefixes[kind]
            whole = [f"{prefix}{self._normalise(text)}" for text in texts]
            order = sorted(range(len(whole)), key=lambda place: len(whole[place]))
            vectors = np.zeros((len(whole), DIMENSION), dtype=np.float32)
            for start in range(0, len(order), self._batch):
                places = order[start : start + self._batch]
                vectors[places] = self._run([whole[place] for place in places])
            return vectors

    def _run(self, texts: list[str]) -> Vectors:
        try:
            found = np.array(list(self._loaded.embed(texts, batch_size=len(texts))), dtype=np.float32)
        except Exception as error:
            refused = refusal(_NAME, "run", error)
            if not isinstance(refused, EmbedderOutOfMemory) or len(texts) == 1:
                raise refused from error
        else:
            return checked(found, len(texts))
        self._batch = max(self._batch // 2, 1)
        half = len(texts) // 2
        return np.concatenate([self._run(texts[:half]), self._run(texts[half:])])


def load_fastembed(model: Model, opened: Opened, cache_dir: Path, *, threads: int) -> Any:
    """fastembed's own ``TextEmbedding`` over our files; nothing is fetched."""
    try:
        from fastembed import TextEmbedding
        from fastembed.common.model_description import ModelSource, PoolingType
    except ImportError as error:
        raise EmbedderAbsent("fastembed is not installed.", why=str(error)) from error
    name = f"groundswell/{model.id}"
    if all(known["model"] != name for known in TextEmbedding.list_supported_models()):
        TextEmbedding.add_custom_model(
            model=name,
            pooling=PoolingType.DISABLED,
            normalization=False,
            sources=ModelSource(hf=name),  # it must name one; with a folder of ours it is never asked
            dim=DIMENSION,
            model_file=FILE,
        )
    folder = _folder(model, opened, cache_dir)
    return TextEmbedding(
        name,
        cache_dir=str(cache_dir),
        threads=threads,
        providers=["CPUExecutionProvider"],
        specific_model_path=str(folder),
        local_files_only=True,
    )


def _folder(model: Model, opened: Opened, cache_dir: Path) -> Path:
    """The ONNX form with the files that fastembed wants beside it."""
    graph = onnx_files(model, opened.weights, cache_dir, half=False)

    def write(folder: Path) -> None:
        for file in graph.iterdir():
            if file.name.startswith(FILE):
                _link(file, folder / file.name)
        (folder / "tokenizer.json").write_bytes(_tokenizer_file(model, opened))
        (folder / "config.json").write_bytes(msgspec.json.encode({"pad_token_id": opened.tokenizer.pad}))
        pad = "<pad>" if model is MULTILINGUAL else "[PAD]"
        settings = {"model_max_length": MOST_TOKENS, "pad_token": pad}
        (folder / "tokenizer_config.json").write_bytes(msgspec.json.encode(settings))
        (folder / "special_tokens_map.json").write_bytes(b"{}")

    return files_of(Form(f"{model.files}-fastembed", (graph.name,), write), cache_dir)


def _link(file: Path, place: Path) -> None:
    """A second name for a large file; a copy where the file system has no such thing."""
    try:
        place.hardlink_to(file)
    except OSError:
        shutil.copyfile(file, place)


def _tokenizer_file(model: Model, opened: Opened) -> bytes:
    tokenizer = opened.tokenizer
    if not isinstance(tokenizer, Tokenizer):
        return (find_minilm() / "tokenizer.json").read_bytes()
    return msgspec.json.encode(_unigram(tokenizer.vocabulary))


def _unigram(vocabulary: Vocabulary) -> dict[str, object]:
    """The vocabulary in the file format of Hugging Face's ``tokenizers``. Texts come to it normalised."""
    begin, end = vocabulary.pieces[vocabulary.begin], vocabulary.pieces[vocabulary.end]
    symbols = [vocabulary.begin, vocabulary.pad, vocabulary.end, vocabulary.unknown]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [],
        "normalizer": None,
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "WhitespaceSplit"},
                {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [
                {"SpecialToken": {"id": begin, "type_id": 0}},
                {"Sequence": {"id": "A", "type_id": 0}},
                {"SpecialToken": {"id": end, "type_id": 0}},
            ],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 0}}],
            "special_tokens": {
                vocabulary.pieces[place]: {
                    "id": vocabulary.pieces[place],
                    "ids": [place],
                    "tokens": [vocabulary.pieces[place]],
                }
                for place in symbols
            },
        },
        "decoder": None,
        "model": {
            "type": "Unigram",
            "unk_id": vocabulary.unknown,
            "byte_fallback": False,
            "vocab": list(zip(vocabulary.pieces, vocabulary.scores, strict=True)),
        },
    }
