"""Places: the text around is the model's, the values are ours, and neither touches the other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.llm.places import filled, marked, wrong_marks
from services.worker.llm.request import Message, Reply, Request, Tool, essence


def request(text: str, system: str = "", **places: str) -> Request:
    return Request(agent="writer", system=system, messages=(Message(role="user", text=text),), places=places)


def reply(text: str) -> Reply:
    return Reply(text=text, stop="end")


def test_the_model_is_asked_with_marks_and_never_with_values() -> None:
    asked = marked(request("Greet ⟦city⟧.", "Be brief.", city="Lisbon"))
    assert "Lisbon" not in essence(asked).decode()
    assert asked.messages[0].text == "Greet ⟦city⟧."
    assert asked.system.startswith("Be brief.")
    assert "⟦name⟧" in asked.system
    assert marked(plain := request("Greet Lisbon.")) is plain


def test_the_values_make_no_other_question_and_every_other_word_does() -> None:
    first = essence(marked(request("Greet ⟦city⟧ 3 times.", city="Lisbon")))
    assert essence(marked(request("Greet ⟦city⟧ 3 times.", city="Porto"))) == first
    for near in (
        "Greet ⟦city⟧ 4 times.",
        "Do not greet ⟦city⟧ 3 times.",
        "Greet ⟦city⟧ 3 times!",
        "greet ⟦city⟧ 3 times.",
        "Greet ⟦city⟧  3 times.",
    ):
        assert essence(marked(request(near, city="Lisbon"))) != first, near
    assert essence(marked(request("Greet ⟦town⟧ 3 times.", town="Lisbon"))) != first


@pytest.mark.parametrize(
    "wrong",
    [
        request("Greet ⟦city⟧."),  # a mark of a feed's text, or a forgotten value
        request("Greet them.", city="Lisbon"),
        request("Greet ⟦city⟧ and ⟦river⟧.", city="Lisbon"),
    ],
)
def test_marks_and_values_must_fit(wrong: Request) -> None:
    if wrong.places:
        with pytest.raises(ValueError, match="values for"):
            marked(wrong)
    else:
        assert marked(wrong) is wrong


def test_places_do_not_go_with_tools() -> None:
    tool = Tool(name="search", description="", parameters={})
    with pytest.raises(ValueError, match="tools"):
        marked(Request(agent="a", messages=(Message(role="user", text="⟦x⟧"),), tools=(tool,), places={"x": "1"}))


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Hello ⟦city⟧ on the ⟦river⟧.", None),
        ("⟦city⟧⟦river⟧⟦city⟧", None),
        ("Hello ⟦city⟧.", "left out the places river"),
        ("Hello ⟦city⟧ on the ⟦river⟧ in ⟦land⟧.", "nobody asked for: land"),
        ("Hello ⟦city⟧ on the ⟦river⟧ ⟦ City ⟧.", "brackets"),
        ("Hello ⟦city⟧ on the ⟦river⟧⟧.", "brackets"),
    ],
)
def test_an_answer_that_cannot_be_filled_in_is_told(text: str, wrong: str | None) -> None:
    said = wrong_marks(reply(text), {"city": "Lisbon", "river": "Tejo"})
    assert (said is None) == (wrong is None)
    assert wrong is None or wrong in str(said)


@given(st.text(), st.text())
def test_values_stand_in_the_answer_as_they_are(one: str, other: str) -> None:
    """Whatever they hold: marks of other places, backslashes, brackets."""
    text = filled(reply("a ⟦x⟧ b ⟦y⟧ c ⟦x⟧"), {"x": one, "y": other}).text
    assert text == f"a {one} b {other} c {one}"


def test_a_value_that_looks_like_a_mark_is_not_filled_in_again() -> None:
    assert filled(reply("⟦x⟧ ⟦y⟧"), {"x": "⟦y⟧", "y": r"\g<0>"}).text == r"⟦y⟧ \g<0>"
