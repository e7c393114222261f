"""Kinds of feeds and what describes one: the API checks what an operator asks for, the relay what a row says.

Options never hold a secret: where one is needed, an option names the file or the variable that does.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from urllib.parse import SplitResult, parse_qsl, urlsplit, urlunsplit

import msgspec
from msgspec import UNSET, Meta, UnsetType

from shared.contracts.sealed_feed import FeedOptions, NostrOptions, SealedOptions
from shared.contracts.shards import shard_of
from shared.errors import InputError
from shared.schemas.feed import FeedKindForm, FeedOption

#: Longest address.
MAX_URL = 2_000
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_WEB_EXAMPLE = "https://feed.example/auth/nonce"
#: Query parameters that look like these would put a secret into the record and the logs.
_SECRETS = ("token", "secret", "password", "passwd", "apikey", "api_key", "auth", "signature", "credential")


class JetstreamOptions(FeedOptions, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a Jetstream feed may be told beside its address."""

    hosts: Annotated[tuple[str, ...], Meta(description="More addresses of the same feed, tried in turn.")] = ()
    version: (
        Annotated[Literal[1, 2], Meta(description="Version of the protocol; left out, the address says it.")]
        | UnsetType
    ) = UNSET
    zstd_dictionary: (
        Annotated[
            str,
            Meta(
                pattern="^(?!.*://[^/]*@)",
                description='zstd dictionary to read compressed: a file, https://... or "server"; '
                "empty reads uncompressed, left out takes the setting.",
            ),
        ]
        | UnsetType
    ) = UNSET


class Form(msgspec.Struct, frozen=True, kw_only=True):
    """``options`` is the Struct that a feed's options must fit; ``Meta(description=...)`` explains each.

    ``hosts`` says that a feed may have several addresses: with commas between, and in the option of that name.
    ``web`` are options that name an address to ask, over https, or over http where the feed is not encrypted;
    ``files`` those that name a file or an address to fetch it from.
    """

    title: str
    schemes: tuple[str, ...]
    example: str
    options: type[msgspec.Struct]
    hosts: bool = False
    web: tuple[str, ...] = ()
    files: tuple[str, ...] = ()


FORMS: dict[str, Form] = {
    "jetstream": Form(
        title="Bluesky Jetstream",
        schemes=("wss", "ws"),
        example="wss://jetstream2.us-east.bsky.network/subscribe",
        options=JetstreamOptions,
        hosts=True,
        files=("zstd_dictionary",),
    ),
    "nostr": Form(title="Nostr relay", schemes=("wss", "ws"), example="wss://relay.damus.io", options=NostrOptions),
    "sealed": Form(
        title="Sealed feed (wallet and encryption)",
        schemes=("wss", "ws"),
        example="wss://feed.example/subscribe",
        options=SealedOptions,
        web=("nonce_url", "verify_url"),
    ),
}


class Checked(msgspec.Struct, frozen=True):
    """An address in its one form, and the options as typed by their kind."""

    url: str
    options: msgspec.Struct


def check_feed(kind: str, url: str, options: dict[str, Any]) -> Checked:
    """A feed's description, checked. Raises InputError that names what is wrong and what would be right."""
    form, typed = _form(kind), check_options(kind, options)
    urls = [check_url(part.strip(), form) for part in (url.split(",") if form.hosts else [url])]
    for more in getattr(typed, "hosts", ()) if form.hosts else ():
        check_url(more, form)
    secure = all(part.startswith("wss:") for part in urls)
    for name in form.web:
        _check_web(name, getattr(typed, name), form, ("https",) if secure else ("https", "http"))
    for name in form.files:
        where = str(getattr(typed, name) or "").partition("#")[0]  # the fragment says what it must hash to
        if _SCHEME.match(where):
            _check_web(name, where, form, ("https", "http"))
    return Checked(",".join(urls), typed)


def _form(kind: str) -> Form:
    form = FORMS.get(kind)
    if form is None:
        raise InputError(f"There are no feeds of kind {kind!r}.", do=f"Use one of: {', '.join(sorted(FORMS))}.")
    return form


def check_url(url: str, form: Form) -> str:
    """``url`` with its host in lower case and no trailing slash. Raises InputError."""
    parts = _split(url, form)
    if parts.username is not None or parts.password is not None:
        raise _bad_url("it holds a user name or a password, which would be stored and shown", form)
    if parts.fragment:
        raise _bad_url("it has a fragment (#...), which is never sent", form)
    for name, _ in parse_qsl(parts.query, keep_blank_values=True):
        if any(word in name.lower() for word in _SECRETS):
            raise _bad_url(f"its parameter `{name}` looks like a secret, which would be stored and shown", form)
    return urlunsplit(parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/")))


def _check_web(name: str, value: str, form: Form, schemes: tuple[str, ...]) -> None:
    """An option that is an address, or empty. Raises InputError that names it."""
    if not value:
        return
    try:
        check_url(value, msgspec.structs.replace(form, schemes=schemes, example=_WEB_EXAMPLE))
    except InputError as error:
        raise InputError(f"The feed's option `{name}` cannot be used.", why=error.why, do=error.do) from None


def _split(url: str, form: Form) -> SplitResult:
    if len(url) > MAX_URL or any(character.isspace() or not character.isprintable() for character in url):
        raise _bad_url(f"it is longer than {MAX_URL} characters or holds blanks", form)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _bad_url("its host or port cannot be read", form) from None
    if parts.scheme not in form.schemes:
        raise _bad_url("it must begin with " + " or ".join(f"{scheme}://" for scheme in form.schemes), form)
    if not parts.hostname:
        raise _bad_url("the host is missing", form)
    if port == 0:
        raise _bad_url("port 0 is not an address", form)
    return parts


def _bad_url(wrong: str, form: Form) -> InputError:
    return InputError("The feed's address cannot be used.", why=f"{wrong}.", do=f"Example: {form.example}")


def check_options(kind: str, options: dict[str, Any]) -> msgspec.Struct:
    """``options`` as typed by ``kind``. Raises InputError that names the first that is wrong."""
    form = _form(kind)
    known = [field.name for field in msgspec.structs.fields(form.options)]
    there_are = f"Options of {kind}: {', '.join(known)}." if known else f"A feed of kind {kind} has no options."
    for name in options:
        if name not in known:
            raise InputError("The feed's options are not right.", why=f"There is no option `{name}`.", do=there_are)
    try:
        typed = msgspec.convert(options, form.options)
        shard_of(options)
        return typed
    except msgspec.ValidationError as error:
        why = str(error).replace("at `$.", "in `")
        raise InputError("The feed's options are not right.", why=f"{why}.", do=there_are) from error


def forms() -> list[FeedKindForm]:
    """All kinds as interfaces show them."""
    return [
        FeedKindForm(
            kind=kind, title=form.title, schemes=list(form.schemes), example=form.example, options=_options(form)
        )
        for kind, form in sorted(FORMS.items())
    ]


def _options(form: Form) -> list[FeedOption]:
    schema = msgspec.json.schema(form.options)
    defined = schema["$defs"][form.options.__name__]
    required = defined.get("required", ())
    return [_option(name, found, required=name in required) for name, found in defined.get("properties", {}).items()]


def _option(name: str, found: dict[str, Any], *, required: bool) -> FeedOption:
    choices = list(found.get("enum", ()))
    kind = found.get("type") or ("integer" if all(isinstance(choice, int) for choice in choices) else "string")
    return FeedOption(
        name=name,
        type=str(kind),
        doc=str(found.get("description", "")),
        default=found.get("default"),
        choices=choices,
        required=required,
    )
