"""Links to terms: the page, and the site where the site itself says something."""

from __future__ import annotations

import re
from collections.abc import Sequence

#: Characters of a site and of a page kept at most.
MAX_HOST, MAX_PAGE = 64, 128
#: Characters of an address, and addresses of a post, that are looked at.
_MAX_LINK, _MAX_LINKS = 2_048, 32

_LINK = re.compile(
    r"https?://(?:[^/?#\s@]*@)?(?:www\.|m\.|mobile\.)?([^/?#\s:@]+)(?::\d*)?(/[^?#\s]*)?(?:\?([^#\s]*))?", re.IGNORECASE
)
_TRACKING = re.compile(
    r"(?:utm_|mc_|pk_|at_|ga_)\w*|(?:fb|gc|dc|tw|ms|yc|ig)\w{0,2}(?:clid|lid|shid)|_ga|ref|ref_\w+|referrer|source|src"
    r"|si|feature|smid|cmp|cmpid|cid|ncid|ocid|sr_share|share|shared?_\w+|taid|s|t|partner|campaign|xtor|mibextid",
    re.IGNORECASE,
)
#: Sites where anybody publishes anything, or whose addresses are only ways to others: their name is no subject.
_GIANTS = frozenset(
    """youtube.com youtu.be twitter.com x.com t.co bsky.app bsky.social facebook.com instagram.com threads.net
    threads.com tiktok.com vm.tiktok.com reddit.com old.reddit.com redd.it tumblr.com medium.com substack.com
    wikipedia.org en.wikipedia.org google.com docs.google.com news.google.com maps.app.goo.gl forms.gle apple.com
    apps.apple.com music.apple.com open.spotify.com spotify.com soundcloud.com twitch.tv tenor.com media.tenor.com
    giphy.com media.giphy.com github.com amazon.com amzn.to bit.ly tinyurl.com buff.ly ow.ly dlvr.it ift.tt trib.al
    linktr.ee patreon.com ko-fi.com etsy.com linkedin.com lnkd.in pinterest.com note.com nicovideo.jp ameblo.jp
    discord.gg discord.com t.me imgur.com archive.org archive.is archive.ph""".split()  # noqa: SIM905
)


def link_terms(links: Sequence[str]) -> list[str]:
    """``host`` and ``host/page`` of each address, canonical; what is no web address gives nothing.

    The scheme, ``www.``, port, fragment, trailing slash and tracking parameters are left out, and the
    other parameters sorted, so that one page shared in several ways is one term.
    """
    terms: list[str] = []
    for link in links[:_MAX_LINKS]:
        match = _LINK.match(link[:_MAX_LINK])
        if match is None:
            continue
        host = match[1].lower().rstrip(".")
        if "." not in host or len(host) > MAX_HOST:
            continue
        if host not in _GIANTS:
            terms.append(host)
        path, query = (match[2] or "").rstrip("/"), _kept(match[3] or "")
        if host == "youtu.be" and path:
            host, path, query = "youtube.com", "/watch", "v=" + path[1:]
        if query and len(host) + len(path) + len(query) < MAX_PAGE:
            terms.append(f"{host}{path or '/'}?{query}")
        elif path:
            terms.append((host + path)[:MAX_PAGE])
    return terms


def _kept(query: str) -> str:
    """Parameters that may say which page it is, in order of name."""
    if not query:
        return ""
    parts = (part for part in query.split("&") if part)
    return "&".join(sorted(part for part in parts if not _TRACKING.fullmatch(part.partition("=")[0])))
