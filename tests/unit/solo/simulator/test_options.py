from __future__ import annotations

import argparse

import msgspec
import pytest

from services.solo.simulator.entry import SimulatorOptions, add_arguments, options_from
from shared.errors import ConfigurationError
from tests.unit.solo.simulator.conftest import ANCHOR_US


def parsed(*words: str) -> SimulatorOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    parser.format_help()
    return options_from(parser.parse_args(list(words)))


def test_arguments_become_options() -> None:
    words = "--port 0 --rate 200 --seed 9 --anchor 1789992000000000 --history-minutes 5 --retention-hours 2"
    options = parsed(*words.split(), "--faults", "drop:9")
    assert options == SimulatorOptions(
        rate=200, seed=9, anchor_us=ANCHOR_US, history_minutes=5, retention_hours=2, faults="drop:9"
    )
    options.check(ANCHOR_US)
    parsed().check(ANCHOR_US)


@pytest.mark.parametrize(
    ("change", "option"),
    [
        ({"wire": "pigeon"}, "'pigeon' is none of jetstream"),
        ({"rate": 0}, "--rate"),
        ({"rate": 2_001}, "--rate"),
        ({"rate": float("nan")}, "--rate"),
        ({"port": 70_000}, "--port"),
        ({"history_minutes": -1}, "--history-minutes"),
        ({"retention_hours": 0}, "--retention-hours"),
        ({"anchor_us": ANCHOR_US + 1}, "--anchor"),
        ({"anchor_us": 1_700_000_000}, "--anchor"),
        ({"faults": "explode:1"}, "--faults"),
    ],
)
def test_impossible_options_are_refused_by_name(change: dict[str, object], option: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        msgspec.structs.replace(SimulatorOptions(), **change).check(ANCHOR_US)
    assert option in str(caught.value)
