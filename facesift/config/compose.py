"""A study's parameters out of conf/: shared values, the study's own, its members, and what the user sets.

conf/base.yaml holds what every member, source and other repeated block has unless it says otherwise; it is laid under
each of them, so that the composed parameters hold every key.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from facesift.config.members import HEAD
from facesift.config.settings import apply_settings, is_choice, split_setting
from facesift.config.structure import near
from facesift.config.yaml_file import read_yaml
from facesift.core.errors import FacesiftError

CONF = Path("conf")
Tree = dict[str, Any]
# What conf/base.yaml has values for.
BLOCKS = (
    "member", "source", "architecture", "tune", "head", "backbone", "copies", "resample", "forge", "loss",
    "optimizer", "schedule", "augment", "normalise", "views",
)  # fmt: skip


def compose(study: str, settings: Sequence[str] = (), conf: Path = CONF) -> Tree:
    """Compose the parameters of a study, every key given.

    Args:
        study: the name of a file in `conf`/study/.
        settings: `KEY=VALUE` as `dvc exp run -S` takes them; `members=NAME` chooses a file of `conf`/members/.
        conf: the folder that holds the configuration.

    Returns:
        The tree of params.yaml; `parse_params` checks its values.

    Raises:
        FacesiftError: a study, a group's file or a key that is not there, with the nearest name.
    """
    names = studies(conf)
    if study not in names:
        raise FacesiftError(f"study {study!r} is not in {conf / 'study'}{near(study, names)}")
    groups = [path.name for path in conf.iterdir() if path.is_dir()]
    chosen = [f"study={study}", *(setting.lstrip("+") for setting in settings if is_choice(setting, groups))]
    for setting in chosen[1:]:
        _check_choice(setting, conf)
    composed = _hydra(chosen, conf)
    _check_members(study, chosen[1:], composed)
    tree = filled(composed, base_values(conf))
    rest = [setting for setting in settings if not is_choice(setting, groups)]
    return filled(apply_settings(tree, rest), base_values(conf))


def studies(conf: Path = CONF) -> list[str]:
    """List the names of the studies in conf/study/."""
    if not (conf / "study").is_dir():
        raise FacesiftError(f"{conf / 'study'}: not there; run this in the root of a clone of facesift")
    return sorted(path.stem for path in (conf / "study").glob("*.yaml"))


def base_values(conf: Path = CONF) -> Tree:
    """Read conf/base.yaml: the values of repeated blocks that do not say otherwise.

    Raises:
        FacesiftError: when the file is missing, damaged or lacks a block.
    """
    path = conf / "base.yaml"
    base = read_yaml(path)
    missing = [name for name in BLOCKS if not isinstance(base, dict) or not isinstance(base.get(name), dict)]
    if missing:
        raise FacesiftError(f"{path}: lacks the block {', '.join(missing)}; `git checkout {path}` brings it back")
    return dict(base)


def filled(tree: Mapping[str, Any], base: Mapping[str, Any]) -> Tree:
    """Lay the base values under every source, member and re-sampling block of a study; what is given stays.

    Args:
        tree: the parameters of a study, or some top-level keys of them.
        base: what `base_values` reads.
    """
    whole = {"drawn": {}, "cross_test": {}, "backbones": {}} | dict(tree)
    if isinstance(whole["backbones"], Mapping):
        whole["backbones"] = {name: _backbone(block, base) for name, block in whole["backbones"].items()}
    if isinstance(whole.get("data"), Mapping):
        whole["data"] = whole["data"] | {"sources": _sources(whole["data"].get("sources", {}), base)}
    if isinstance(whole["cross_test"], Mapping):
        whole["cross_test"] = {
            name: test | {"sources": _sources(test.get("sources", {}), base)} if isinstance(test, dict) else test
            for name, test in whole["cross_test"].items()
        }
    if isinstance(whole.get("members"), Mapping):
        whole["members"] = {name: filled_member(recipe, base) for name, recipe in whole["members"].items()}
    if "stack" in whole:
        whole["stack"] = _parts(whole["stack"], base, ("resample", "optimizer"))
    return whole


def filled_member(recipe: Any, base: Mapping[str, Any]) -> Any:
    """Lay the base values under one member's recipe."""
    if not isinstance(recipe, Mapping):
        return recipe
    parts = ("architecture", "resample", "optimizer", "schedule", "augment", "normalise", "views")
    if isinstance(block := recipe.get("architecture"), Mapping) and block.get("name") == HEAD:
        base = dict(base) | {"architecture": base["head"]}
    member = _parts({name: {} for name in ("augment", "normalise", "views")} | base["member"] | recipe, base, parts)
    member |= _named(member, "loss", base)
    if isinstance(member.get("architecture"), Mapping):
        member["architecture"] = member["architecture"] | _named(member["architecture"], "tune", base)
    return member


def _backbone(block: Any, base: Mapping[str, Any]) -> Any:
    return _parts(base["backbone"] | block, base, ("copies",)) if isinstance(block, Mapping) else block


def _named(block: Mapping[str, Any], key: str, base: Mapping[str, Any]) -> Tree:
    """Lay base values under a part of a block that is one of several kinds, by its `name`."""
    part = block.get(key)
    return {key: base[key].get(str(part.get("name")), {}) | part} if isinstance(part, Mapping) else {}


def _parts(block: Any, base: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Lay base values under the named parts of a block, and under `resample.forge` where it is given."""
    if not isinstance(block, Mapping):
        return block
    parts = {name: base[name] | block[name] for name in names if isinstance(block.get(name), Mapping)}
    forge = parts.get("resample", {}).get("forge")
    if isinstance(forge, Mapping):
        whole = base["forge"] | forge
        if isinstance(whole["regions"], Mapping):
            whole["regions"] = base["forge"]["regions"] | whole["regions"]
        parts["resample"] = parts["resample"] | {"forge": whole}
    return dict(block) | parts


def _sources(sources: Any, base: Mapping[str, Any]) -> Any:
    if not isinstance(sources, Mapping):
        return sources
    return {
        name: base["source"] | source if isinstance(source, Mapping) else source for name, source in sources.items()
    }


def _check_choice(setting: str, conf: Path) -> None:
    group, value = split_setting(setting)
    names = sorted(path.stem for path in (conf / group).glob("*.yaml"))
    if value not in names:
        raise FacesiftError(f"{setting}: {value!r} is not in {conf / group}{near(value, names)}")


def _check_members(study: str, choices: Sequence[str], tree: Tree) -> None:
    """Refuse other members for a study that changes members of its own: its changes would be left over."""
    members = tree.get("members")
    if not choices or not isinstance(members, Mapping):
        return
    parts = [name for name, recipe in members.items() if isinstance(recipe, Mapping) and "architecture" not in recipe]
    if parts:
        raise FacesiftError(
            f"{', '.join(choices)}: study {study} changes the members {', '.join(parts)}, which are not among these; "
            "choose a study that changes no members, or write a file in conf/study/"
        )


def _files_of(choices: Sequence[str], conf: Path) -> Iterator[Path]:
    """Yield the files that choices such as `study=folders` name, and those that these begin with (`defaults`)."""
    for choice in choices:
        group, value = split_setting(choice)
        path = conf / group / f"{value}.yaml"
        yield path
        tree = read_yaml(path)
        listed = tree.get("defaults") if isinstance(tree, dict) else None
        for part in listed if isinstance(listed, list) else []:
            names = part.items() if isinstance(part, dict) else [(group, part)]
            for key, name in names:
                inner = conf / str(key).split()[-1].strip("/").partition("@")[0] / f"{name}.yaml"
                if inner.is_file():
                    yield inner


def _hydra(overrides: Sequence[str], conf: Path) -> Tree:
    """Compose conf/config.yaml with the files that the overrides choose."""
    from hydra import compose as hydra_compose  # noqa: PLC0415  takes a third of a second
    from hydra import initialize_config_dir  # noqa: PLC0415
    from hydra.errors import HydraException  # noqa: PLC0415
    from omegaconf import OmegaConf  # noqa: PLC0415
    from omegaconf.errors import OmegaConfBaseException  # noqa: PLC0415

    for path in sorted({conf / "config.yaml", *_files_of(overrides, conf)}):
        read_yaml(path)  # names the file and the line of what Hydra would fail at, or take without a word
    try:
        with initialize_config_dir(str(conf.resolve()), version_base=None):
            tree = OmegaConf.to_container(hydra_compose("config", overrides=list(overrides)), resolve=True)
    except (HydraException, OmegaConfBaseException, yaml.YAMLError, ValueError, RecursionError) as error:
        raise FacesiftError(f"{conf}, {', '.join(overrides)}: {error}") from error
    return {str(key): value for key, value in tree.items()}  # type: ignore[union-attr]
