"""A bundle's card carries its own SHA-256: no changed byte of it is used."""

import numpy as np
import pytest

from facesift.bundle.card import read_card
from facesift.core.errors import FacesiftError


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
