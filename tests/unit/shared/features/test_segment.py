"""Segmentation: known words come out, and a new name gives the same terms in every sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import icu4py
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.features.segment import words_of
from shared.features.terms import MAX_LENGTH, terms_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("緊急地震速報が東京で鳴って電車が止まった", {"緊急", "地震", "速報", "東京", "電車"}),
        ("横浜スタジアムの花火大会は雨で中止になった", {"横浜", "スタジアム", "花火", "大会", "中止"}),
        ("颱風登陸花蓮，居民撤離", {"颱風", "登陸", "花蓮", "居民", "撤離"}),
        ("广州地铁站发生火灾，消防员正在救援", {"广州", "地铁", "火灾", "消防员", "救援"}),
        ("น้ำท่วมหนักที่กรุงเทพ", {"น้ำท่วม", "กรุงเทพ"}),
        ("ແຜ່ນດິນໄຫວໃນປະເທດລາວ", {"ປະເທດ"}),
        ("ប្រទេសកម្ពុជា", {"ប្រទេស", "កម្ពុជា"}),
        ("မြန်မာနိုင်ငံငလျင်", {"မြန်မာနိုင်ငံ", "ငလျင်"}),
    ],
)
def test_words_of_dictionaries_come_out(text: str, words: set[str]) -> None:
    assert words <= set(terms_of(text))


@pytest.mark.parametrize(
    ("texts", "name"),
    [
        (("速報 蓮田鷹斗が逮捕", "蓮田鷹斗の新曲", "昨日の試合で蓮田鷹斗選手が活躍"), {"蓮田", "鷹斗"}),
        (("霧ヶ浜で大規模な火災", "今夜の霧ヶ浜は停電", "現在霧ヶ浜周辺は通行止め"), {"霧ヶ浜"}),
        (("新型ゾルミナXを買った", "話題のゾルミナXは高い"), {"ゾルミナ"}),
        (("県道の星見坂トンネルが崩落", "今朝の星見坂トンネルは渋滞"), {"星見坂", "トンネル"}),
        (("陆泽衍宣布退出娱乐圈", "昨天陆泽衍的演唱会", "我最喜欢的歌手是陆泽衍"), {"陆泽衍"}),
        (("今天云栖湾大停电", "消防员赶到云栖湾救援", "我住在云栖湾附近"), {"云栖湾"}),
        (("李子柒发布新视频", "今天李子柒回来了"), {"李子柒"}),
        (("ข่าวด่วน ธนภูมิถูกจับ", "วันนี้ธนภูมิชนะการแข่งขัน"), {"ธนภูมิ"}),
        (("ซอลมิน่าวางขายแล้ว", "ฉันซื้อซอลมิน่าเมื่อวาน"), {"ซอลมิ", "ลมิน่า"}),
    ],
)
def test_a_new_name_gives_the_same_terms_in_every_sentence(texts: tuple[str, ...], name: set[str]) -> None:
    assert all(name <= set(terms_of(text)) for text in texts)


def test_hiragana_alone_and_single_characters_give_nothing() -> None:
    assert terms_of("これはとてもかわいいですね") == terms_of("木。火。水。") == []


def test_a_katakana_run_stays_whole() -> None:
    assert words_of(["東京タワー"]) == ["東京", "タワー"]


@given(st.text(alphabet="東京地震ヶ々〆ーアいうแผ่นดินไหวលຂဠ新人大 ", min_size=1, max_size=300).filter(str.strip))
def test_any_mixture_gives_pieces_of_the_text(text: str) -> None:
    for term in terms_of(text):
        assert len(term) <= MAX_LENGTH


def test_every_process_gives_the_same_terms() -> None:
    texts = ["蓮田鷹斗が逮捕 Lake Tahoe #Storm", "今天云栖湾大停电", "ข่าวด่วน ธนภูมิถูกจับ"]
    code = "import json,sys; from shared.features.post import features_of; "
    code += "print(json.dumps([features_of(t) for t in json.loads(sys.argv[1])]))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code, json.dumps(texts)],
            env={**os.environ, "PYTHONHASHSEED": seed, "LC_ALL": locale},
            capture_output=True,
            check=True,
        ).stdout
        for seed, locale in (("1", "C"), ("2", "C.UTF-8"), ("3", "th_TH"))
    }
    assert len(outputs) == 1


def test_the_library_that_cuts_words_is_the_one_the_runbook_names() -> None:
    """Another one cuts some words elsewhere: look at decision 9 and at the tests above, then name it in the runbook."""
    runbook = (Path(__file__).parents[4] / "docs/runbook.md").read_text()
    assert f"({icu4py.icu_version} of `icu4py`" in runbook
