"""What `import facesift` offers."""

import subprocess
import sys
from importlib import import_module

import pytest

import facesift

HEAVY = ("numpy", "polars", "pydantic", "torch")


@pytest.mark.parametrize("name", facesift.__all__)
def test_every_public_name_resolves(name):
    assert getattr(facesift, name) is not None


@pytest.mark.parametrize("name", [name for name in facesift.__all__ if name != "__version__"])
def test_the_help_explains_every_public_name(name):
    assert f"    {name}" in facesift.__doc__


@pytest.mark.parametrize(("name", "home"), facesift._HOMES.items())
def test_a_public_name_is_the_one_of_its_module(name, home):
    assert getattr(facesift, name) is getattr(import_module(home), name)


def test_importing_the_library_loads_no_other():
    code = f"import sys, facesift; print([name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'commitee'"):
        _ = facesift.commitee


def test_the_names_are_listed():
    assert set(facesift.__all__) <= set(dir(facesift))
