"""The schema holds no values: every key is required and described, and each network of ours is known to it."""

import re
from itertools import chain

import pytest

from facesift.config.members import OWN_NETWORKS
from facesift.config.params import Params
from facesift.config.reference import reference
from facesift.config.structure import sections_of
from tests.made import ROOT


def every_section(kind=Params):
    inner = (section for field in kind.model_fields.values() for section in sections_of(field.annotation))
    return dict.fromkeys([kind, *chain.from_iterable(every_section(section) for section in inner)])


FIELDS = [(kind, name) for kind in every_section() for name in kind.model_fields]


@pytest.mark.parametrize(("kind", "name"), FIELDS, ids=lambda part: getattr(part, "__name__", part))
def test_field_is_required_and_described(kind, name):
    field = kind.model_fields[name]
    assert field.is_required()
    assert field.description
    assert "|" not in field.description  # it stands in a table


def test_all_sections_are_found():
    names = {kind.__name__ for kind in every_section()}
    assert {"Regions", "Jpeg", "Views", "CrossEntropy", "Focal", "Corruption", "CrossTest", "Guarantee"} <= names


def test_page_of_the_parameters_is_current():
    assert (ROOT / "docs/parameters.md").read_text() == reference()


def test_parameters_that_a_description_names_exist():
    rows = [line for line in reference().splitlines() if line.startswith("| `")]
    keys = {row.split("`")[1] for row in rows}
    sections = {key.split(".")[0] for key in keys}
    named = {name for row in rows for name in re.findall(r"`([a-z_]+\.[a-z_.]+)`", row)}
    assert {name for name in named - keys if name.split(".")[0] in sections} == set()


def test_schema_knows_the_networks_there_are():
    from facesift.networks.published_networks import NETWORKS
    from facesift.networks.support_vectors import SVM

    assert set(OWN_NETWORKS) == {*NETWORKS, SVM}
