"""Sign in and out on the page: the token becomes a cookie that scripts cannot read."""

from __future__ import annotations

from typing import Any

import msgspec
from litestar import Request, Response, delete, post
from litestar.datastructures import Cookie
from litestar.handlers import HTTPRouteHandler

from services.api.auth.token import COOKIE, SESSION_SECONDS, Keyring
from services.api.doors.rest import read_body
from shared.errors import InputError
from shared.schemas.base import Schema

PATH = "/api/v1/session"


class SessionRequest(Schema, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The API token."""

    token: str


def routes(keyring: Keyring, *, secure: bool) -> list[HTTPRouteHandler]:
    """``secure``: the public address is https, so the cookie never travels in the clear."""

    def cookie(value: str, seconds: int) -> Cookie:
        return Cookie(COOKIE, value=value, max_age=seconds, path="/", httponly=True, samesite="strict", secure=secure)

    @post(PATH, status_code=204, name="sign_in", public=True)
    async def sign_in(request: Request[Any, Any, Any]) -> Response[None]:
        try:
            given = msgspec.convert(read_body(await request.body()), SessionRequest)
        except msgspec.ValidationError as error:
            raise InputError("The request is not valid.", why="It needs a `token`.") from error
        cookies = [] if keyring.open else [cookie(keyring.sign_in(given.token), SESSION_SECONDS)]
        return Response(None, status_code=204, cookies=cookies, headers={"cache-control": "no-store"})

    @delete(PATH, status_code=204, name="sign_out")
    async def sign_out() -> Response[None]:
        return Response(None, status_code=204, cookies=[cookie("", 0)], headers={"cache-control": "no-store"})

    return [sign_in, sign_out]
