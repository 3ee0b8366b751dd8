"""Sections of the parameters for tests: what is not given is filled from conf/base.yaml, as `make study` does it."""

from typing import Any

import yaml

from facesift.config import backbones, data, losses, members, quality, sampling
from facesift.config.compose import base_values, filled, filled_member
from facesift.config.params import Params
from facesift.config.params import parse_params as parse_whole
from tests.made import ROOT

BASE = base_values(ROOT / "conf")


def whole(tree: dict[str, Any]) -> dict[str, Any]:
    """Fill what a study's tree leaves out of its members, sources and re-sampling."""
    return filled(tree, BASE)


def whole_member(recipe: dict[str, Any]) -> dict[str, Any]:
    """Fill what a member's recipe leaves out."""
    return filled_member(recipe, BASE)


def parse_params(tree: dict[str, Any]) -> Params:
    """Parse a study's tree, filled."""
    return parse_whole(whole(tree))


def Source(**given: Any) -> data.Source:  # noqa: N802  named like the sections
    return data.Source(**(BASE["source"] | given))


def Split(**given: Any) -> data.Split:  # noqa: N802
    return data.Split(**({"limit": {}, "near_duplicate_agreement": 0.6} | given))


def Quality(**actions: str) -> quality.Quality:  # noqa: N802
    """The limits of all studies, with other actions."""
    tree = yaml.safe_load((ROOT / "conf/config.yaml").read_text())["quality"]
    return quality.Quality(**{name: given | {"action": actions.get(name, "record")} for name, given in tree.items()})


def Regions(**given: Any) -> sampling.Regions:  # noqa: N802
    return sampling.Regions(**(BASE["forge"]["regions"] | given))


def Forge(**given: Any) -> sampling.Forge:  # noqa: N802
    return sampling.Forge(**(BASE["forge"] | {"regions": Regions()} | given))


def Resample(**given: Any) -> sampling.Resample:  # noqa: N802
    return sampling.Resample(**(BASE["resample"] | given))


def CrossEntropy(**given: Any) -> losses.CrossEntropy:  # noqa: N802
    return losses.CrossEntropy(**(BASE["loss"]["cross_entropy"] | given))


def Focal(**given: Any) -> losses.Focal:  # noqa: N802
    return losses.Focal(**(BASE["loss"]["focal"] | given))


def Architecture(**given: Any) -> members.Architecture:  # noqa: N802
    return members.Architecture(**(BASE["architecture"] | given))


def Head(**given: Any) -> members.Head:  # noqa: N802
    return members.Head(**(BASE["head"] | {"name": "head"} | given))


def Copies(**given: Any) -> backbones.Copies:  # noqa: N802
    return backbones.Copies(**(BASE["copies"] | given))


def Backbone(**given: Any) -> backbones.Backbone:  # noqa: N802
    return backbones.Backbone(**(BASE["backbone"] | given | {"copies": Copies(**given.get("copies", {}))}))


def Tune(name: str, **given: Any) -> dict[str, Any]:  # noqa: N802
    return BASE["tune"][name] | {"name": name} | given


def Optimizer(**given: Any) -> members.Optimizer:  # noqa: N802
    return members.Optimizer(**(BASE["optimizer"] | given))


def Schedule(**given: Any) -> members.Schedule:  # noqa: N802
    return members.Schedule(**(BASE["schedule"] | given))


def Augment(**given: Any) -> members.Augment:  # noqa: N802
    return members.Augment(**(BASE["augment"] | given))


def Normalise(**given: Any) -> members.Normalise:  # noqa: N802
    return members.Normalise(**(BASE["normalise"] | given))


def Views(**given: Any) -> members.Views:  # noqa: N802
    return members.Views(**(BASE["views"] | given))
