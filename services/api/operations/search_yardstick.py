"""What a cosine is worth: how close a query is to sentences that have nothing to do with it.

Cosines of one model are not those of another, and those of one query not those of the next: of letters at
random, E5 finds every post a little similar. So a query is compared with everyday sentences in many languages, and a
post is close to it only by what it is closer than those. The margins are in units of how much such sentences differ
among themselves (standard deviation of their cosines), which makes them the same for every model.
"""

from __future__ import annotations

import threading

import msgspec
import numpy as np

from shared.embedding.embedder import Embedder
from shared.schemas.vector import Vectors

#: How much closer than everyday sentences a post must be, and the closest one, so that meaning has found anything at
#: all. Chosen on the development half of ``make search-score`` and strings of random letters (decision 0023).
MARGIN, STANDS_OUT = 1.2, 2.0
#: By time even the least close may come first, so only what is really close counts.
MARGIN_BY_TIME = 2.0

EVERYDAY = (
    "The kettle is on, does anyone want a cup?",
    "I finally cleaned out the drawer full of old receipts.",
    "Our neighbours are repainting their fence in green.",
    "She explained the rules twice and nobody listened.",
    "They signed the contract on a rainy afternoon.",
    "My glasses broke and the spare pair is older than my car.",
    "Die Nachbarn grillen schon wieder auf dem Balkon.",
    "Ich habe heute endlich meine Steuererklärung abgegeben.",
    "Er hat das Buch zweimal gelesen und nichts behalten.",
    "Im Laden an der Ecke gibt es jetzt frisches Brot.",
    "Wer hat meinen Regenschirm gesehen?",
    "J'ai retrouvé une vieille photo de classe au grenier.",
    "On a attendu le plombier toute la matinée.",
    "Le marché du samedi était plein de monde.",
    "Elle chante toujours la même chanson sous la douche.",
    "Il cherche encore ses clés de voiture.",
    "Mañana tengo que llevar el coche al taller.",
    "Mi abuela guarda todas las cartas en una caja azul.",
    "Hoy aprendí a coser un botón yo solo.",
    "La reunión terminó antes de lo previsto.",
    "El perro duerme todo el día en el sofá.",
    "Esqueci o guarda-chuva no ônibus de novo.",
    "A professora pediu um trabalho para segunda-feira.",
    "Comprei uma planta e já não sei onde a pôr.",
    "O vizinho toca violão até tarde.",
    "Vamos almoçar juntos na sexta?",
    "今日は新しい靴を買いに行きました。",
    "弟がまた宿題を忘れたらしい。",
    "駅前の本屋が来月閉店するそうです。",
    "夕飯は何にしようか迷っている。",
    "昨日見た夢をもう思い出せない。",
    "朋友送了我一本很厚的词典。",
    "我们周末去公园散步吧。",
    "他每天早上都喝豆浆。",
    "오늘은 도서관에서 하루 종일 공부했다.",
    "엄마가 보내 주신 김치가 도착했어요.",
    "Сегодня весь день разбирал старые фотографии.",
    "Она учит итальянский по вечерам.",
    "Где можно починить часы в центре?",
    "Stasera guardiamo un film tutti insieme.",
    "Ho comprato un tavolo usato al mercatino.",
    "Ik heb vandaag mijn fiets gerepareerd.",
    "Bugün işe yürüyerek gittim.",
    "Kitaplarımı renklerine göre dizdim.",
    "اشتريت اليوم دفترا جديدا للرسم.",
    "كان الدرس طويلا لكنه ممتع.",
    "आज मैंने दोस्तों के साथ चाय पी।",
    "Hari ini saya belajar memasak dari ibu.",
    "Mình vừa dọn lại tủ sách cũ.",
    "Wczoraj uczyliśmy się tańczyć walca.",
)


class Bars(msgspec.Struct, frozen=True):
    """Cosines: a post is close from ``close`` on, and meaning has found something if the best one reaches ``best``."""

    close: float
    best: float


class Yardstick:
    """Keeps the vectors of ``EVERYDAY`` for the model asked last; thread-safe."""

    def __init__(self) -> None:
        self._model = ""
        self._everyday: Vectors | None = None
        self._spread = 0.0
        self._lock = threading.Lock()

    def bars(self, embedder: Embedder, query: Vectors, *, by_time: bool) -> Bars:
        """What to ask of posts compared with ``query``, a unit vector (DIMENSION,). Raises EmbedderUnavailable."""
        with self._lock:
            if self._everyday is None or self._model != embedder.model:
                model, everyday = embedder.model, embedder.embed(EVERYDAY, "passage")
                among = (everyday @ everyday.T)[np.triu_indices(len(EVERYDAY), 1)]
                self._model, self._everyday, self._spread = model, everyday, float(among.std())
            everyday, spread = self._everyday, self._spread
        usual = float((everyday @ query).mean())
        return Bars(usual + (MARGIN_BY_TIME if by_time else MARGIN) * spread, usual + STANDS_OUT * spread)
