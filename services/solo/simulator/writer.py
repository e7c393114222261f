"""Words: turns templates into posts with the small irregularities of real ones."""

from __future__ import annotations

import re
from bisect import bisect_right
from random import Random

from services.solo.simulator.corpus import Corpus, Phase, Story
from services.solo.simulator.rhythm import TopicRhythm
from services.solo.simulator.spam import Campaign

_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_EMOJI = ("😂", "🙃", "😭", "🔥", "✨", "🥲", "👀", "🙏", "💀", "☕", "🌧️", "🎉", "🤔", "😅", "❤️", "💯", "🫠", "👏")
_LEADS = ("RT: ", "this! ", ">> ", "👆 ", "+1 ", "📌 ")
_LONGEST = 290


class Writer:
    """Composes texts from the corpus. All choice comes from the generator passed in."""

    def __init__(self, seed: int, corpus: Corpus) -> None:
        self._corpus = corpus
        self._topics = {name: list(tongue.topics.values()) for name, tongue in corpus.tongues.items()}
        most = max(len(topics) for topics in self._topics.values())
        self._rhythm = TopicRhythm(seed, most)

    def everyday(self, rng: Random, language: str, time_us: int) -> str:
        """A post about one of the everyday topics, weighted by their rhythm at ``time_us``."""
        texts = self._topics[language][bisect_right(self._rhythm.cumulative(time_us), rng.random())]
        text = self._fill(rng, language, rng.choice(texts))
        if rng.random() < 0.2:
            second = self._fill(rng, language, rng.choice(texts))
            if second != text and len(text) + len(second) < _LONGEST:
                text = f"{text} {second}"
        return self._roughen(rng, text)

    def reply(self, rng: Random, language: str, time_us: int) -> str:
        """A short reaction, or an everyday text."""
        if rng.random() < 0.3:
            return self.everyday(rng, language, time_us)
        return self._roughen(rng, self._fill(rng, language, rng.choice(self._corpus.tongues[language].replies)))

    def story(self, rng: Random, language: str, story: Story, phase: Phase) -> str:
        """A post of a planted story, now and then with its hashtag, its link or a reaction."""
        text = self._fill(rng, language, rng.choice(story.texts[language][phase]))
        if rng.random() < 0.15:
            text = f"{text} {self._fill(rng, language, rng.choice(self._corpus.tongues[language].replies))}"
        text = self._roughen(rng, text)
        if story.hashtags and "#" not in text and rng.random() < 0.35:
            text = f"{text} #{rng.choice(story.hashtags)}"
        if "://" not in text and rng.random() < 0.2:
            text = f"{text} {story.link}"
        return text

    def spam(self, rng: Random, language: str, campaign: Campaign) -> str:
        """One of a campaign's near-identical texts: the numbers and the link's tail change."""
        templates = self._corpus.tongues[language].spam
        template = templates[int(campaign.pick * len(templates))].replace("https://{link}", "{link}")
        link = f"https://{campaign.host}/{rng.randrange(16**6):06x}"
        text = template.replace("{link}", link).replace("{number}", str(rng.randrange(10, 9_999)))
        return self._fill(rng, language, text)

    def altered(self, rng: Random, text: str) -> str:
        """Somebody else's text again, with a small change."""
        change = rng.randrange(4)
        if change == 0:
            return rng.choice(_LEADS) + text
        if change == 1:
            return f"{text} {rng.choice(_EMOJI)}"
        return text.rstrip(".!?。！？") + ("..." if change == 2 else "!!")

    def _fill(self, rng: Random, language: str, template: str) -> str:
        if "{" not in template:
            return template
        slots = self._corpus.tongues[language].slots
        return _PLACEHOLDER.sub(lambda slot: rng.choice(slots[slot[1]]), template)

    def _roughen(self, rng: Random, text: str) -> str:
        chance = rng.random()
        if chance < 0.18:
            return f"{text} {rng.choice(_EMOJI)}"
        if chance < 0.26 and "://" not in text:
            return text.lower()
        return f"{text}!!" if chance < 0.29 and text[-1].isalnum() else text
