"""A bundle's card carries its own SHA-256: no changed byte of it is used."""

import json

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from facesift.bundle.card import CARD, Card, read_card, verify_files
from facesift.core.errors import FacesiftError
from facesift.core.files import write_json


def flips(data, number, seed=0):
    places = np.random.default_rng(seed).choice(8 * len(data), number, replace=False).tolist()
    for place in places:
        changed = bytearray(data)
        changed[place // 8] ^= 1 << place % 8
        yield place, bytes(changed)


def test_every_flipped_bit_is_noticed(bundle):
    card = bundle / "bundle.json"
    for place, changed in flips(card.read_bytes(), 1500):
        card.write_bytes(changed)
        with pytest.raises(FacesiftError, match=r"bundle\.json"):
            read_card(bundle)
            pytest.fail(f"bit {place} of the card was changed, and nobody noticed")


def test_a_number_spelt_in_another_way_is_noticed(bundle):
    card = bundle / "bundle.json"
    card.write_text(card.read_text().replace('"parity"', '"\\u0070arity"'))
    with pytest.raises(FacesiftError, match="damaged"):
        read_card(bundle)


def nodes(tree, path=()):
    """The paths of all values of a JSON tree."""
    yield path
    for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ():
        yield from nodes(value, (*path, key))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=9),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(max_size=5), each, max_size=3),
    max_leaves=6,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_card_of_any_shape_is_one_or_is_refused_by_name(exported, tmp_path, data):
    """Whoever makes a card can seal it, too: what it says is checked, and not its seal alone."""
    card = json.loads((exported / CARD).read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(sorted(nodes(card), key=str))) or (None,)
        place = card
        for key in way:
            place = place[key]
        if last is None:
            continue
        if isinstance(place, dict) and data.draw(st.booleans()):
            del place[last]
        else:
            place[last] = data.draw(VALUES)
    card.pop("sha256", None)
    write_json(tmp_path / CARD, card, exact=True, sealed=True)
    try:
        verify_files(tmp_path, found := read_card(tmp_path))
    except FacesiftError as error:
        assert CARD in str(error)  # noqa: PT017
    else:
        assert isinstance(found, Card)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300), cut=st.integers(0, 5000))
def test_any_bytes_are_no_card(exported, tmp_path, data, cut):
    whole = (exported / CARD).read_bytes()
    (tmp_path / CARD).write_bytes(whole[:cut] + data + whole[cut + len(data) + 1 :])
    with pytest.raises(FacesiftError, match=r"bundle\.json"):
        read_card(tmp_path)
