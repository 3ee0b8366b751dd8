"""Finds the members whose re-sampling has nothing to do, because the classes are nearer to each other already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from facesift.config.sampling import Resample
from facesift.core.formatting import counted
from facesift.sampling.resamplers import target_count


def met_ratios(resamples: Mapping[str, Resample], real: int, fake: int) -> dict[str, str]:
    """Find the re-samplings that stop, because the classes are at the ratio asked for, or nearer.

    Args:
        resamples: each member's `resample`, by the member's name.
        real: number of real images to learn from.
        fake: number of fakes to learn from.

    Returns:
        The names of the members concerned, each with the step that is met, such as `smote: 0.4`.
    """
    steps = {name: _met(resample, real, fake) for name, resample in resamples.items()}
    return {name: step for name, step in steps.items() if step is not None}


def _met(resample: Resample, real: int, fake: int) -> str | None:
    """Return the first step that has nothing to do; steps follow each other as in `scopes.resample_scope`."""
    fewer, more = sorted((real, fake))
    for method in ("smote", "undersample"):
        ratio = getattr(resample, method)
        if ratio is None:
            continue
        try:
            _, count = target_count(np.repeat([0, 1], [more, fewer]), method, ratio)
        except ValueError:
            return f"{method}: {ratio:g}"
        if method == "smote":
            fewer += count
            if resample.forge is not None:  # forged fakes change the ratio by a rule of their own
                return None
    return None


def without_resampling(members: Sequence[str]) -> str:
    """Return the settings that switch the re-sampling of members off, as `facesift study` takes them.

    >>> without_resampling(["a"])
    'members.a.resample.scope=none members.a.resample.smote=null members.a.resample.undersample=null'
    """
    keys = {"scope": "none", "smote": "null", "undersample": "null"}
    return " ".join(f"members.{name}.resample.{key}={value}" for name in members for key, value in keys.items())


def tell_met(met: Mapping[str, str], study: str, real: int, fake: int, settings: Sequence[str] = ()) -> str:
    """Say which members cannot be re-sampled as asked, and how to go on.

    Args:
        met: what `met_ratios` found, at least one member.
        study: name of the study.
        real: number of real images to learn from.
        fake: number of fakes to learn from.
        settings: those that the study was asked for with; the command repeats them.

    Returns:
        Lines of text, with the command that switches the re-sampling of these members off.
    """
    ratio = min(real, fake) / max(real, fake)
    asked = ", ".join(f"{name} ({step})" for name, step in met.items())
    changed = " ".join([*settings, without_resampling(list(met))])
    return "\n".join(
        [
            f"To learn from: about {counted(real, 'real image')} and {counted(fake, 'fake')}, a ratio of {ratio:.2g}.",
            f"Re-sampling of these members asks for no higher ratio: {asked}.",
            "Ask for higher ratios, or train these members without re-sampling:",
            f'    make study NAME={study} SET="{changed}"',
        ]
    )
