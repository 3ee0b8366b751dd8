"""Search values by Optuna, one `dvc exp run --temp` a trial: `python -m workflow.search --trials 20 KEY=LOW:HIGH ...`.

A value to search: `KEY=LOW:HIGH` (a number), `KEY=LOW:HIGH:log` (its logarithm), `KEY=LOW:HIGH:int`, or `KEY=a,b,c`.
What is sought is the best figure on validation images. The seed and the names are fixed, so the same search again on
the same commit takes up the trials that are there, and goes on.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from facesift.core.errors import FacesiftError
from workflow.dvc_command import dvc, run, threads_for
from workflow.experiments import FIGURES, flat, percent, read_experiments
from workflow.trials import UP_TO, literal, name_of, run_one

if TYPE_CHECKING:
    import optuna

SUGGEST = Callable[["optuna.Trial"], Any]
SPACE = re.compile(r"(?P<key>[\w.]+)=(?P<values>[^:]+|(?P<low>[^:]+):(?P<high>[^:]+)(:(?P<kind>log|int))?)")


def parse_space(texts: list[str]) -> dict[str, SUGGEST]:
    """Turn the command line's keys and ranges into functions that draw a value for a trial."""
    known = dict(flat(yaml.safe_load(Path("params.yaml").read_text(encoding="utf-8"))))
    space = {}
    for text in texts:
        match = SPACE.fullmatch(text)
        if not match:
            raise FacesiftError(f"{text!r} is not like KEY=LOW:HIGH, KEY=LOW:HIGH:log, KEY=LOW:HIGH:int or KEY=a,b,c")
        if match["key"] not in known:
            raise FacesiftError(f"{match['key']}: no such key in params.yaml")
        space[match["key"]] = _suggest(match)
    return space


def _suggest(match: re.Match[str]) -> SUGGEST:
    key = match["key"]
    if match["low"] is None:
        choices = [yaml.safe_load(value) for value in match["values"].split(",")]
        return lambda trial: trial.suggest_categorical(key, choices)
    try:
        low, high = float(match["low"]), float(match["high"])
    except ValueError:
        raise FacesiftError(f"{match[0]!r}: {match['low']} and {match['high']} are not both numbers") from None
    if low >= high:
        raise FacesiftError(f"{match[0]!r}: {low:g} is not below {high:g}")
    if match["kind"] == "int":
        return lambda trial: trial.suggest_int(key, int(low), int(high))
    return lambda trial: trial.suggest_float(key, low, high, log=match["kind"] == "log")


def trial_figure(drawn: dict[str, Any], figure: str, threads: int) -> tuple[str, float | None]:
    """Run a trial, or take it up if it was run before; return the experiment's name and figure."""
    values = [f"{key}={literal(value)}" for key, value in drawn.items()]
    name = name_of("search", values)
    if name not in {one.name for one in read_experiments() if one.state == "success"}:
        run_one(name, values, threads)
    (found,) = [one for one in read_experiments() if one.name == name]
    return name, found.figures()[figure]


def search(
    space: dict[str, SUGGEST], trials: int, seed: int, measure: Callable[[dict[str, Any]], float | None]
) -> optuna.Study:
    """Let Optuna's TPE propose values; `measure` gives each one's figure, the higher the better, None if it failed."""
    try:
        import optuna  # noqa: PLC0415
    except ImportError:
        raise FacesiftError("optuna is not installed: pip install optuna==5.0.0") from None

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for _ in range(trials):
        trial = study.ask()
        drawn = {key: suggest(trial) for key, suggest in space.items()}
        value = measure(drawn)
        study.tell(trial, value, None if value is not None else optuna.trial.TrialState.FAIL)
    return study


def main(arguments: list[str]) -> None:
    """Read the command line, bring the study up to date, search and print the best."""
    parser = argparse.ArgumentParser(prog="python -m workflow.search", description=__doc__.partition("\n")[0])
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--figure", choices=FIGURES, default="ap", help="what is sought: the highest on validation")
    parser.add_argument("--threads", type=int, help="else OMP_NUM_THREADS, else all cores")
    parser.add_argument("space", nargs="+", metavar="KEY=RANGE")
    asked = parser.parse_args(arguments)
    space, threads = parse_space(asked.space), threads_for(1, asked.threads)
    names: dict[str, str] = {}

    def measure(drawn: dict[str, Any]) -> float | None:
        try:
            name, value = trial_figure(drawn, asked.figure, threads)
        except FacesiftError as error:  # such as values that do not go together: the search goes on without them
            print(f"{drawn}: {error}", flush=True)
            return None
        names[str(drawn)] = name
        print(f"{name}: {asked.figure} {percent(value)} with {drawn}", flush=True)
        return value

    dvc("repro", UP_TO, threads=threads)
    study = search(space, asked.trials, asked.seed, measure)
    if not any(trial.value is not None for trial in study.trials):
        raise FacesiftError(f"none of {asked.trials} trials has a figure; what they said stands above")
    name = names[str(study.best_params)]
    print(f"best {asked.figure}: {percent(study.best_value)} with {study.best_params}, experiment {name}")


if __name__ == "__main__":
    run(lambda: main(sys.argv[1:]))
