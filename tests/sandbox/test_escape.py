"""Hostile submissions in every language that can carry them: each is held, and the next one gets its due."""

import pytest

from .arena import Arena, Attack
from .python_attacks import PYTHON_ATTACKS


@pytest.fixture(scope="module")
def arena():
    with Arena() as arena:
        yield arena


@pytest.mark.parametrize("attack", PYTHON_ATTACKS, ids=lambda attack: f"{attack.format}: {attack.name}")
def test_it_is_held(arena: Arena, attack: Attack):
    assert arena.fight(attack) == []
