"""What is planted in a score stream: events to be found, and things that must never alarm.

Every planting is a list of posts with a number; the truth says what each number is. Shapes follow
what is published about news in micro-blogs: slow stories that grow for hours and flashes of minutes,
several words of which a post holds some, a vocabulary that moves on as the story does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Literal

from bench.momentum_world import Language

MINUTE_US = 60_000_000
DAY = 1_440
Kind = Literal["event", "recurring", "spam", "deleted", "chatter"]


@dataclass(slots=True)
class Post:
    """One post. ``planted`` is the number of its planting, -1 for everyday talk; ``gone_us`` when it
    is deleted, 0 for never."""

    time_us: int
    author: int
    text: str
    language: str
    links: tuple[str, ...] = ()
    planted: int = -1
    gone_us: int = 0


@dataclass(slots=True)
class Planting:
    """The truth about one planting; minutes since the stream began. ``words`` are those it may be
    recognised by, ``own`` those that nothing else uses, ``peak`` the minute its hour was largest."""

    number: int
    kind: Kind
    name: str
    begin: int
    end: int
    words: set[str] = field(default_factory=set)
    own: set[str] = field(default_factory=set)
    posts: int = 0
    peak: int = 0


class Planter:
    """Writes plantings. ``start_us`` is the stream's first moment, ``minutes`` its length."""

    def __init__(self, seed: int, start_us: int, minutes: int, languages: list[Language], hard: bool) -> None:
        self.chance = Random(f"plant {seed} {hard}")
        self.start_us, self.minutes, self.languages, self.hard = start_us, minutes, languages, hard
        self.truth: list[Planting] = []
        self.stranger = 50_000_000

    def all(self) -> Iterator[list[Post]]:
        """Every planting's posts."""
        yield from self._events()
        yield from self._recurring()
        yield from self._spam()
        yield from self._deleted()
        if self.hard:
            yield from self._chatter()

    # --- events -----------------------------------------------------------------------------------
    def _events(self) -> Iterator[list[Post]]:
        count = 28
        span = self.minutes - DAY - 300
        shared: list[str] = []
        for number in range(count):
            begin = DAY + 60 + int(span * (number + self.chance.random()) / count)
            # Every fourth shares words and hours with the one before it.
            twin = number % 4 == 3
            if twin:
                begin = self.truth[-1].begin + self.chance.randint(10, 50)
            codes = self._codes(number)
            first = self.languages[codes[0]]
            known = shared + first.known(2) if twin else first.known(3 + self.chance.randrange(2))
            shared = known[:2]
            slow = self.hard and number % 3 == 0
            yield self._event(number, begin, codes, known, slow)

    def _codes(self, number: int) -> list[int]:
        if number % 7 == 5:
            return [self.chance.choice([4, 5, 6])]  # one minority language only
        if number % 7 == 2:
            return [0, 1, 2]  # several, under one tag
        return [self.chance.choices([0, 1, 2, 3], [6, 3, 2, 1])[0]]

    def _event(self, number: int, begin: int, codes: list[int], known: list[str], slow: bool) -> list[Post]:
        chance, tongues = self.chance, [self.languages[code] for code in codes]
        names = {code: tongue.fresh(2) for code, tongue in zip(codes, tongues, strict=True)}
        told = {
            code: (known if place == 0 else tongue.known(3))
            for place, (code, tongue) in enumerate(zip(codes, tongues, strict=True))
        }
        tag = f"#{self.languages[0].fresh(1)[0]}" if len(codes) > 1 or chance.random() < 0.5 else ""
        link = f"https://news{number}.example/{number}/story" if chance.random() < 0.4 else ""
        if slow:
            growth, peak = chance.uniform(200, 480), chance.uniform(0.6, 2.0)
        else:
            growth, peak = chance.uniform(5, 90), chance.choice([1.0, 3.0, 10.0, 30.0]) * chance.uniform(0.7, 1.4)
            if not self.hard:
                peak = max(peak, 5.0)
        waves = [(begin, growth, peak)]
        if number % 7 == 4:  # it comes back, larger
            again = begin + int(growth) + chance.randint(240, 420)
            waves.append((again, growth * 0.5, peak * 2.0))
        # A headline that a third of the people pass on as it is, with a word or two of their own.
        headline = tongues[0].known(4) if self.hard and number % 4 == 1 else []
        if headline:
            link = link or f"https://news{number}.example/{number}/story"
        planting = self._plant(
            "event", f"event {number} {'slow' if slow else 'fast'} {tongues[0].tongue.code}", begin, begin
        )
        posts: list[Post] = []
        for first, rise, top in waves:
            fall = chance.uniform(60, 300)
            for minute in range(int(rise + fall * 2.5)):
                rate = (
                    top * max(0.1 / top, (minute / rise) ** 2)
                    if minute < rise
                    else top * 2 ** (-(minute - rise) / (fall * 0.5))
                )
                if minute < rise and rate < 0.1:
                    rate = min(0.1, top)
                for _ in range(_poisson(chance, rate)):
                    code = codes[0] if chance.random() < 0.6 else chance.choice(codes)
                    late = minute > rise
                    posts.append(
                        self._story_post(planting, first + minute, code, names[code], told[code], tag, link, late)
                        if not headline or code != codes[0] or chance.random() > 0.35
                        else self._quote(planting, first + minute, code, [names[code][0], *told[code], *headline], link)
                    )
        self._close(planting, posts)
        for code in codes:
            planting.own.update(names[code])
            planting.words.update(told[code])
        if tag:
            planting.own.add(tag)
        if link:
            planting.own.update((link.removeprefix("https://"), link.split("/")[2]))
        planting.words |= planting.own
        return posts

    def _story_post(
        self,
        planting: Planting,
        minute: int,
        code: int,
        names: list[str],
        told: list[str],
        tag: str,
        link: str,
        late: bool,
    ) -> Post:
        chance, tongue = self.chance, self.languages[code]
        # The vocabulary moves on: the second name matters once the story is known.
        weights = [0.7, 0.55 if late else 0.2]
        words = [name for name, weight in zip(names, weights, strict=True) if chance.random() < weight]
        words += [word for word in told if chance.random() < 0.4]
        if not words:
            words = [chance.choice(names)]
        words += tongue.filler(chance.randint(2, 12))
        chance.shuffle(words)
        text = tongue.join(words)
        if tag and chance.random() < 0.3:
            text += f" {tag}"
        links = (link,) if link and chance.random() < 0.15 else ()
        author = (
            tongue.first + int(tongue.draw_authors(1)[0])
            if chance.random() < 0.5
            else tongue.first + chance.randrange(len(tongue.habits))
        )
        return self._post(planting, minute, author, text, tongue.tongue.code, links)

    def _quote(self, planting: Planting, minute: int, code: int, headline: list[str], link: str) -> Post:
        tongue = self.languages[code]
        text = tongue.join([*tongue.filler(self.chance.randint(0, 3)), *headline])
        author = tongue.first + self.chance.randrange(len(tongue.habits))
        return self._post(planting, minute, author, text, tongue.tongue.code, (link,))

    # --- every day again --------------------------------------------------------------------------
    def _recurring(self) -> Iterator[list[Post]]:
        """Greetings, a show, a game: at the same hour each day, not to the minute and not as loud."""
        for name, code, hour, length, peak, marked in (
            ("good morning", 0, 12.0, 180, 6.0, False),
            ("good morning ja", 1, 22.0, 150, 4.0, False),
            ("good morning pt", 2, 10.0, 150, 3.0, False),
            ("good night", 0, 4.0, 180, 3.0, False),
            ("show at eight", 0, 20.0, 75, 14.0, True),
            ("show pt", 2, 0.5, 60, 6.0, True),
            ("market opens", 0, 13.5, 60, 3.0, True),
            ("prayer", 4, 17.0, 40, 2.0, False),
            ("daily game", 0, 5.0, 900, 1.2, True),
        ):
            tongue = self.languages[code]
            told = tongue.known(3) if not name.startswith("good") else tongue.known(2)
            tag = (
                ("$" + "".join(self.chance.choices("abcdefg", k=4)) if "market" in name else f"#{tongue.fresh(1)[0]}")
                if marked
                else ""
            )
            names = tongue.fresh(2) if marked else []
            planting = self._plant("recurring", name, 0, self.minutes)
            posts = []
            for day in range(-1, self.minutes // DAY + 1):
                loud = self.chance.lognormvariate(0, 0.25) * peak
                shift = self.chance.uniform(-10, 10)
                guest = tongue.fresh(1) if self.hard and "show" in name else []
                for minute in range(length):
                    at = int(day * DAY + hour * 60 + shift + minute)
                    part = minute / length
                    rate = loud * min(1.0, 6 * part, 3 * (1 - part))
                    for _ in range(_poisson(self.chance, rate)):
                        words = [w for w in told if self.chance.random() < 0.6] or told[:1]
                        words += [w for w in names if self.chance.random() < 0.4]
                        words += [w for w in guest if self.chance.random() < 0.15]
                        words += tongue.filler(self.chance.randint(1, 8))
                        self.chance.shuffle(words)
                        text = tongue.join(words) + (f" {tag}" if tag and self.chance.random() < 0.5 else "")
                        author = tongue.first + self.chance.randrange(len(tongue.habits))
                        posts.append(self._post(planting, at, author, text, tongue.tongue.code))
                planting.own.update(guest)
            self._close(planting, posts)
            planting.own.update(names, [tag] if tag else [])
            planting.words = planting.own | set(told)
            yield posts

    # --- campaigns --------------------------------------------------------------------------------
    def _spam(self) -> Iterator[list[Post]]:
        shapes = ("copies", "near copies", "template", "rewritten") if self.hard else ("copies", "near copies")
        for number in range(20):
            shape = shapes[number % len(shapes)]
            accounts = [6, 25, 120][(number // len(shapes)) % 3]
            yield self._campaign(number, shape, accounts)

    def _campaign(self, number: int, shape: str, accounts: int) -> list[Post]:
        chance = self.chance
        tongue = self.languages[chance.choices([0, 1, 2, 3], [6, 2, 1, 1])[0]]
        begin = (
            chance.randint(DAY // 2, self.minutes - 200) if number < 3 else chance.randint(DAY + 30, self.minutes - 200)
        )
        length, volume = chance.randint(20, 120), chance.randint(60, 300)
        keys = tongue.fresh(2) + tongue.known(4)
        base = keys + tongue.filler(8)
        slots = [tongue.known(6) for _ in range(5)]
        link = f"https://win{number}.example/{number}"
        senders = list(range(self.stranger, self.stranger + accounts))
        if chance.random() < 0.5:  # half of the campaigns use bought accounts
            senders = [tongue.first + chance.randrange(len(tongue.habits)) for _ in senders]
        self.stranger += accounts
        planting = self._plant("spam", f"{shape} by {accounts}", begin, begin)
        posts = []
        for _ in range(volume):
            words = list(base)
            if shape == "near copies":
                words[chance.randrange(6, len(words))] = tongue.filler(1)[0]
                words += [chance.choice("🔥🚀💰✨")]
            elif shape == "template":
                words = [
                    keys[0],
                    *(chance.choice(slot) for slot in slots[:3]),
                    *keys[1:5],
                    *(chance.choice(slot) for slot in slots[3:]),
                ]
            elif shape == "rewritten":
                # A model's rewrites: most of the points each time, in other words and order.
                words = [w for w in keys if chance.random() < 0.8]
                words += [chance.choice(slot) for slot in slots if chance.random() < 0.7]
                words += tongue.filler(chance.randint(2, 5))
                chance.shuffle(words)
            minute = begin + int(length * chance.random())
            text = tongue.join(words)
            links = (link,) if chance.random() < 0.8 else ()
            posts.append(self._post(planting, minute, chance.choice(senders), text, tongue.tongue.code, links))
        self._close(planting, posts)
        planting.own = {keys[0], keys[1], link.removeprefix("https://"), link.split("/")[2]}
        planting.words = planting.own | set(keys) | {w for slot in slots for w in slot}
        return posts

    def _deleted(self) -> Iterator[list[Post]]:
        """A trend made of posts that are taken back within minutes."""
        for number in range(3):
            tongue = self.languages[0]
            keys = tongue.fresh(2) + tongue.known(2)
            begin = self.chance.randint(DAY + 60, self.minutes - 200)
            planting = self._plant("deleted", f"deleted {number}", begin, begin)
            posts = []
            for _ in range(150):
                words = [w for w in keys if self.chance.random() < 0.7] + tongue.filler(6)
                minute = begin + self.chance.randrange(90)
                author = tongue.first + self.chance.randrange(len(tongue.habits))
                post = self._post(planting, minute, author, tongue.join(words), "en")
                post.gone_us = post.time_us + int(self.chance.uniform(0.3, 1.7) * MINUTE_US)
                posts.append(post)
            self._close(planting, posts)
            planting.own = set(keys[:2])
            planting.words = set(keys)
            yield posts

    def _chatter(self) -> Iterator[list[Post]]:
        """Small talk: one matter, some posts each, about thirty an hour. Mostly two or three people, now and
        then eight: how many join falls with the third power of their number."""
        sizes = range(2, 9)
        for number in range(self.minutes // 2):
            tongue = self.chance.choices(self.languages, [lang.tongue.share for lang in self.languages])[0]
            begin = self.chance.randrange(self.minutes - 60)
            planting = self._plant("chatter", f"chatter {number}", begin, begin)
            keys = tongue.known(2) + tongue.fresh(1 if self.chance.random() < 0.5 else 0)
            many = self.chance.choices(sizes, [n**-3 for n in sizes])[0]
            people = [tongue.first + int(a) for a in tongue.draw_authors(many)]
            posts = []
            for _ in range(max(many, self.chance.randint(3, 12))):
                words = [w for w in keys if self.chance.random() < 0.6] + tongue.filler(self.chance.randint(2, 8))
                minute = begin + int(40 * self.chance.random() ** 1.5)
                posts.append(
                    self._post(planting, minute, self.chance.choice(people), tongue.join(words), tongue.tongue.code)
                )
            self._close(planting, posts)
            planting.words = set(keys)
            yield posts

    # --- shared -----------------------------------------------------------------------------------
    def _plant(self, kind: Kind, name: str, begin: int, end: int) -> Planting:
        planting = Planting(len(self.truth), kind, name, begin, end)
        self.truth.append(planting)
        return planting

    def _close(self, planting: Planting, posts: list[Post]) -> None:
        posts[:] = [p for p in posts if 0 <= p.time_us - self.start_us < self.minutes * MINUTE_US]
        minutes = sorted((p.time_us - self.start_us) // MINUTE_US for p in posts)
        planting.posts = len(posts)
        if not minutes or planting.kind == "recurring":
            return
        planting.begin, planting.end = minutes[0], minutes[-1]
        # The peak: the middle of the hour with most posts.
        left, best = 0, (0, minutes[0])
        for right, minute in enumerate(minutes):
            while minutes[left] <= minute - 60:
                left += 1
            best = max(best, (right - left + 1, minutes[left] + 30), key=lambda pair: pair[0])
        planting.peak = best[1]

    def _post(
        self, planting: Planting, minute: int, author: int, text: str, language: str, links: tuple[str, ...] = ()
    ) -> Post:
        time_us = self.start_us + minute * MINUTE_US + int(self.chance.random() * MINUTE_US)
        return Post(time_us, author, text, language, links, planting.number)


def _poisson(chance: Random, mean: float) -> int:
    """Knuth's method; means here are small."""
    if mean > 30:
        return max(0, round(chance.gauss(mean, mean**0.5)))
    limit, product, count = 2.718281828459045**-mean, chance.random(), 0
    while product > limit:
        product *= chance.random()
        count += 1
    return count
