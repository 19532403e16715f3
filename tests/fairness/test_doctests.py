import doctest
import importlib
import pkgutil

import pytest

import fairness

MODULES = [
    module.name
    for module in pkgutil.walk_packages(fairness.__path__, "fairness.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_in_the_docstrings_hold(name):
    assert doctest.testmod(importlib.import_module(name)).failed == 0
