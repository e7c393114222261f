"""``groundswell op``: every operation of the API as a verb, made from its declaration.

groundswell op list [words]        what there is
groundswell op describe posts      how it is called
groundswell op posts --limit 5     call it
    groundswell op docs                print docs/operations.md
    groundswell op contract            print what agents know of operations
"""

from __future__ import annotations

import argparse
import difflib
import sys
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import msgspec

from services.cli.reach import add_json, add_port
from services.cli.words import listed, plain
from services.solo.client import ApiClient
from shared.config.load import load
from shared.errors import InputError

#: A backtest may read a month of posts.
CALL_SECONDS = 120.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """The operations are not known before their modules are imported, so the rest is read in ``run``."""
    parser.add_argument("name", help="list, describe, docs, contract, or an operation's name")
    parser.add_argument("rest", nargs=argparse.REMAINDER, help="its input, as --field value; --help tells which")


def run(options: argparse.Namespace) -> int:
    """Print the answer. Exit codes are those of all verbs: 2 refused, 69 the API is away."""
    from services.api.operations.catalogue import OPERATIONS
    from services.api.operations.document import page

    known = {one.name: one for one in OPERATIONS}
    if options.name == "list":
        return _list(known, options.rest)
    if options.name == "describe":
        return _describe(known, options.rest)
    if options.name == "contract":
        from services.api.operations.document import contract

        sys.stdout.write(contract())
        return 0
    if options.name == "docs":
        sys.stdout.write(page())
        return 0
    one = _named(known, options.name)
    parser = argparse.ArgumentParser(prog=f"groundswell op {one.name}", description=one.doc)
    for field in msgspec.structs.fields(one.input):
        name, kind = field.name.replace("_", "-"), _kind(field.type)
        parser.add_argument(f"--{name}", dest=f"of_{field.name}", metavar=kind, help="needed" if field.required else "")
    parser.add_argument("--input", default="{}", help="more of the input, as a JSON object")
    parser.add_argument("--out", help="write the answer to this file")
    add_port(parser)
    add_json(parser)
    given = parser.parse_args(options.rest)
    body = _body(one, given)
    client = ApiClient(load("solo", given={"api_port": given.port}), CALL_SECONDS, door="cli")
    answer = client.raw(f"/api/v1/operations/{one.name}", msgspec.json.encode(body), "POST")
    return _show(one, answer, given)


def _show(one: Any, answer: bytes, given: argparse.Namespace) -> int:
    if given.out:
        Path(given.out).write_bytes(answer)
        print(f"{given.out}: {len(answer):,} bytes")
    elif one.media_type != "application/json":
        if not one.media_type.startswith("text/") and sys.stdout.isatty():
            raise InputError("This answer is a file.", do="Say where it goes: --out FILE")
        sys.stdout.buffer.write(answer)
    elif given.json:
        print(answer.decode())
    else:
        print("\n".join(listed(msgspec.json.decode(answer))))
    return 0


def _list(known: dict[str, Any], rest: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="groundswell op list", description="What there is.")
    parser.add_argument("words", nargs="*", help="only operations whose name or summary holds all of these")
    parser.add_argument("--toolset", help="only these")
    given = parser.parse_args(rest)
    words = [word.lower() for word in given.words]
    for one in sorted(known.values(), key=lambda one: (one.toolset, one.name)):
        line = f"{one.toolset:9} {one.effect:8} {one.name}: {one.summary}"
        if given.toolset in (None, one.toolset) and all(word in line.lower() for word in words):
            print(line)
    return 0


def _describe(known: dict[str, Any], rest: list[str]) -> int:
    from services.api.operations.forms import input_schema

    if len(rest) != 1:
        raise InputError("Say which operation.", do="For example: groundswell op describe posts")
    one = _named(known, rest[0])
    print(f"{one.name} ({one.effect}, scope {one.scope}, {one.method} {one.path})\n\n{one.doc}\n")
    print(msgspec.json.format(msgspec.json.encode(input_schema(one)), indent=2).decode())
    return 0


def _named(known: dict[str, Any], name: str) -> Any:
    if name in known or (name := name.replace("-", "_")) in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}? " if near else ""
    raise InputError(f"There is no operation {plain(name)!r}.", do=f"{hint}groundswell op list lists them.")


def _body(one: Any, given: argparse.Namespace) -> dict[str, Any]:
    """The input: the object of ``--input``, then each field that was given by itself."""
    try:
        body = msgspec.json.decode(given.input, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InputError("--input is no JSON object.", why=f"{error}.") from error
    for field in msgspec.structs.fields(one.input):
        text = getattr(given, f"of_{field.name}")
        if text is not None:
            body[field.name] = _value(field, text)
    return body


def _value(field: Any, text: str) -> Any:
    """``text`` as the field's type where that is plain, else as JSON."""
    try:
        return msgspec.to_builtins(msgspec.convert(text, field.type, strict=False))
    except msgspec.ValidationError as first:
        wrong = first
        try:
            given = msgspec.json.decode(text)
            return msgspec.to_builtins(msgspec.convert(given, field.type))
        except msgspec.ValidationError as second:
            if isinstance(given, list | dict):  # it was meant as JSON
                wrong = second
        except msgspec.MsgspecError:
            pass  # it is no JSON: the first error says what it should have been
        from services.api.operations.choices import with_choices

        name = field.name.replace("_", "-")
        said = with_choices(wrong, field.type)
        raise InputError(f"--{name}: {said}.", do="groundswell op describe tells what it takes.") from wrong


def _kind(kind: Any) -> str:
    """A short name of a type for ``--help``."""
    inner = [part for part in get_args(kind) if part not in (type(None), msgspec.UnsetType)]
    if get_origin(kind) is Literal:
        return "|".join(map(str, inner))
    if hasattr(kind, "__metadata__") or (len(inner) == 1 and get_origin(kind) not in (list, dict)):
        return _kind(inner[0])
    names = {int: "NUMBER", float: "NUMBER", bool: "true|false", str: "TEXT"}
    return names.get(kind) or ("JSON" if inner or get_origin(kind) else kind.__name__.upper())
