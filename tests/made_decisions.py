"""Rows of decisions tables, as `facesift screen` writes them, with labels."""

import numpy as np
import polars as pl
from scipy.special import expit


def images(number, seed, *, fakes=0.0, shift=0.0, **columns):
    """Rows of a decisions table with labels: log-odds about -4 for reals and 2 for fakes, sizes of two cameras."""
    rng = np.random.default_rng(seed)
    fake = rng.random(number) < fakes
    probability = expit(np.where(fake, rng.normal(2, 2, number), rng.normal(-4, 1.5, number)) + shift)
    side = rng.choice([160, 224], number)
    made = {
        "label": np.where(fake, "fake", "real"),
        "probability": probability,
        "decision": np.select([probability > 0.5, probability > 0.2], ["fake", "review"], "real"),
        "width": side,
        "height": side,
        "bytes": rng.lognormal(9, 0.3, number).astype(int),
        "brightness": rng.normal(120, 20, number),
        "contrast": rng.normal(50, 10, number),
        "sharpness": rng.lognormal(3, 0.5, number),
    }
    return pl.DataFrame(made | columns)
