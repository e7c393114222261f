"""The identity provider: OpenID Connect's code flow with PKCE (OpenID Connect Core 1.0, RFC 7636, RFC 9207).

Nothing is asked of it before somebody signs in, or the API looks whether it is there: one that is away is a reason, and
the owner's token goes on working.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import secrets
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import jwt
import msgspec

from shared.errors import DependencyError, Forbidden
from shared.outbound.client import Answer, ask
from shared.outbound.reach import Reach

#: Signatures that only the provider can make. Never ``none``, never one made with a secret that others share.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
#: Clocks may differ by so much.
LEEWAY_SECONDS = 60
KEPT_SECONDS = 3600.0
#: After a failure the provider is left alone for so long.
REST_SECONDS = 5.0
_SCOPE = "openid email profile"


class Metadata(msgspec.Struct, frozen=True):
    """What the discovery document says, as far as it is used."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str = ""
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)


class Leaving(msgspec.Struct, frozen=True):
    """Where a browser is sent, and what is remembered until it comes back."""

    url: str
    state: str
    nonce: str
    verifier: str


class ProviderAway(DependencyError):
    """The identity provider did not answer, or not as one."""


class Provider:
    """One issuer. All methods are called from one event loop."""

    def __init__(self, issuer: str, client_id: str, client_secret: str, reach: Reach) -> None:
        self._issuer, self._client_id, self._client_secret = issuer, client_id, client_secret
        self._reach = reach.also(issuer)
        self._asking = asyncio.Lock()
        self._known: tuple[float, Metadata] | None = None
        self._keys: tuple[float, jwt.PyJWKSet] | None = None
        self._failed: tuple[float, ProviderAway] | None = None

    @property
    def host(self) -> str:
        """Its name for people."""
        return urlsplit(self._issuer).netloc

    async def metadata(self) -> Metadata:
        """The discovery document, asked for once an hour. Raises ProviderAway."""
        async with self._asking:
            now = time.monotonic()
            if self._known and now - self._known[0] < KEPT_SECONDS:
                return self._known[1]
            if self._failed and now - self._failed[0] < REST_SECONDS:
                raise self._failed[1].with_traceback(None)
            try:
                found = await self._discover()
            except ProviderAway as error:
                self._failed = (now, error)
                raise
            self._known, self._failed = (now, found), None
            return found

    async def leave(self, back: str) -> Leaving:
        """Where to send a browser that is to come back to ``back``. Raises ProviderAway."""
        known = await self.metadata()
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": back,
            "scope": _SCOPE,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        joint = "&" if "?" in known.authorization_endpoint else "?"
        return Leaving(f"{known.authorization_endpoint}{joint}{urlencode(asked)}", state, nonce, verifier)

    async def claims(self, code: str, *, verifier: str, nonce: str, back: str) -> dict[str, Any]:
        """What the provider says of whoever came back with ``code``. Raises ProviderAway, Forbidden."""
        known = await self.metadata()
        tokens = await self._redeem(known, code, verifier, back)
        claims = await self._checked(known, tokens.get("id_token"), nonce)
        if "email" in claims or not known.userinfo_endpoint or not isinstance(tokens.get("access_token"), str):
            return claims
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        more = _object(await self._ask(known.userinfo_endpoint, headers=headers), "its user information")
        if more.get("sub") != claims["sub"]:
            raise _refused("What the identity provider says is of somebody else.")
        return {**more, **claims}

    async def _discover(self) -> Metadata:
        """The issuer may end in a slash (Auth0's does), and settings lose it: the two are compared without, and id
        tokens are held to what the document says.
        """
        address = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        said = _object(await self._ask(address), "its discovery document")
        try:
            found = msgspec.convert(said, Metadata)
        except msgspec.ValidationError as error:
            raise ProviderAway("The identity provider's discovery document cannot be used.", why=f"{error}.") from error
        if found.issuer.rstrip("/") != self._issuer.rstrip("/"):
            raise ProviderAway(
                "The identity provider is another one than is set.",
                why=f"Its discovery document says {found.issuer[:200]!r}.",
                do="Set GROUNDSWELL_OIDC_ISSUER to that, if it is right.",
            )
        return found

    async def _redeem(self, known: Metadata, code: str, verifier: str, back: str) -> Mapping[str, Any]:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": back, "code_verifier": verifier}
        headers = {}
        if not self._client_secret:
            form["client_id"] = self._client_id
        elif "client_secret_basic" in known.token_endpoint_auth_methods_supported:
            pair = f"{quote(self._client_id, safe='')}:{quote(self._client_secret, safe='')}"
            headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": self._client_id, "client_secret": self._client_secret}
        answer = await self._ask(known.token_endpoint, form=form, headers=headers)
        if answer.status in (400, 401, 403):
            why = f"It answered {answer.status} ({_oauth_error(answer)})."
            raise Forbidden("The identity provider did not accept this sign-in.", why=why, do="Sign in again.")
        return _object(answer, "its tokens")

    async def _checked(self, known: Metadata, token: Any, nonce: str) -> dict[str, Any]:
        """The id token's claims (OpenID Connect Core 1.0, 3.1.3.7)."""
        if not isinstance(token, str):
            raise _refused("The identity provider gave no id token.")
        try:
            key = await self._key(known, jwt.get_unverified_header(token))
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=list(ALGORITHMS),
                audience=self._client_id,
                issuer=known.issuer,
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iat", "sub", "aud", "iss"]},
            )
        except jwt.PyJWTError as error:
            raise _refused(f"{type(error).__name__}: {error}.") from error
        if not secrets.compare_digest(str(claims.get("nonce")).encode(), nonce.encode()):
            raise _refused("Its nonce is that of another sign-in.")
        audiences = claims["aud"]
        several = isinstance(audiences, list) and len(audiences) > 1
        if (several or "azp" in claims) and claims.get("azp") != self._client_id:
            raise _refused("It is meant for another client.")
        return claims

    async def _key(self, known: Metadata, header: Mapping[str, Any]) -> jwt.PyJWK:
        """The key that the header names. The provider may have new ones since they were asked for."""
        async with self._asking:
            now = time.monotonic()
            if self._keys is None or now - self._keys[0] >= KEPT_SECONDS or not _named(self._keys[1], header):
                said = _object(await self._ask(known.jwks_uri), "its keys")
                try:
                    self._keys = (now, jwt.PyJWKSet.from_dict(dict(said)))
                except jwt.PyJWTError as error:
                    raise ProviderAway("The identity provider's keys cannot be used.", why=f"{error}.") from error
            found = _named(self._keys[1], header)
        if found is None:
            raise _refused("It is signed with a key that the identity provider does not have.")
        return found

    async def _ask(
        self, url: str, *, form: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        try:
            answer = await ask(self._reach, url, form=form, headers=headers)
        except DependencyError as error:
            raise ProviderAway("The identity provider did not answer.", why=f"{error.what} {error.why}") from error
        if answer.status >= 500 or answer.status == 429:
            raise ProviderAway("The identity provider cannot serve now.", why=f"It answered {answer.status}.")
        return answer


def _named(keys: jwt.PyJWKSet, header: Mapping[str, Any]) -> jwt.PyJWK | None:
    """By its id; one without an id only if there is no other."""
    usable = [key for key in keys.keys if key.public_key_use in (None, "sig")]
    if header.get("kid") is None:
        return usable[0] if len(usable) == 1 else None
    return next((key for key in usable if key.key_id == header["kid"]), None)


def _object(answer: Answer, what: str) -> Mapping[str, Any]:
    if answer.status != 200:
        raise ProviderAway(f"The identity provider did not give {what}.", why=f"It answered {answer.status}.")
    try:
        return msgspec.json.decode(answer.body, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise ProviderAway(f"The identity provider did not give {what}.", why="It is no JSON object.") from error


def _oauth_error(answer: Answer) -> str:
    """The code of RFC 6749, 5.2, which is no free text."""
    try:
        said = msgspec.json.decode(answer.body, type=dict[str, Any]).get("error")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return "no reason"
    return said[:40] if isinstance(said, str) and said.replace("_", "").isalnum() else "no reason"


def _refused(why: str) -> Forbidden:
    return Forbidden("The identity provider's id token cannot be believed.", why=why, do="Sign in again.")
