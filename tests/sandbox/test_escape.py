"""Hostile submissions in every language that can carry them: each is held, and the next one gets its due."""

import pytest

from .arena import Arena, Attack
from .onnx_attacks import ONNX_ATTACKS
from .python_attacks import PYTHON_ATTACKS
from .rule_attacks import RULE_ATTACKS
from .skops_attacks import SKOPS_ATTACKS

ATTACKS = PYTHON_ATTACKS + ONNX_ATTACKS + SKOPS_ATTACKS + RULE_ATTACKS


@pytest.fixture(scope="module")
def arena():
    with Arena() as arena:
        yield arena


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: f"{attack.format}: {attack.name}")
def test_it_is_held(arena: Arena, attack: Attack):
    assert arena.fight(attack) == []


@pytest.mark.parametrize("language", ["python", "onnx", "skops", "rule"])
def test_there_are_at_least_thirty_different_attacks(language: str):
    assert len({attack.name for attack in ATTACKS if attack.format == language}) >= 30
