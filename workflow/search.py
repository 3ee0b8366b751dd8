"""Search values with Optuna, a `dvc exp run --temp` each: `python -m workflow.search --trials 20 KEY=LOW:HIGH ...`.

A value to search: `KEY=LOW:HIGH` (a number), `KEY=LOW:HIGH:log` (its logarithm), `KEY=LOW:HIGH:int`, or `KEY=a,b,c`.
The search maximises a figure on validation images. The same search on the same commit proposes the same values under
the same names: it takes the results of trials that ran before, and goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer
import yaml

from facesift.core.errors import FacesiftError
from facesift.core.formatting import percent
from workflow.dvc_command import dvc, run_script, threads_for
from workflow.experiment_runs import LAST_STAGE, experiment_name, literal, run_one
from workflow.experiments import flat, read_experiments

if TYPE_CHECKING:
    import optuna

Suggest = Callable[["optuna.Trial"], Any]
Figure = Literal["recall", "precision", "review_rate", "caught", "ap"]  # of workflow.experiments.FIGURES
SPACE = re.compile(r"(?P<key>[\w.]+)=(?P<values>[^:]+|(?P<low>[^:]+):(?P<high>[^:]+)(:(?P<kind>log|int))?)")


def parse_space(texts: list[str]) -> dict[str, Suggest]:
    """Turn keys with ranges into functions that draw a value for a trial.

    Args:
        texts: such as `seed=1:9:int`; the module's docstring lists the forms.

    Raises:
        FacesiftError: for another form, an unknown key, or a range without values.
    """
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


def _suggest(match: re.Match[str]) -> Suggest:
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
    """Run a trial unless it ran before.

    Args:
        drawn: the value of each key.
        figure: name of the figure to return, one of `workflow.experiments.FIGURES`.
        threads: of the stages.

    Returns:
        The experiment's name and its figure on validation images, None where that is not known.
    """
    values = [f"{key}={literal(value)}" for key, value in drawn.items()]
    name = experiment_name("search", values)
    if name not in {one.name for one in read_experiments() if one.state == "success"}:
        run_one(name, values, threads)
    (found,) = [one for one in read_experiments() if one.name == name]
    return name, found.figures()[figure]


def search(
    space: dict[str, Suggest], trials: int, seed: int, measure: Callable[[dict[str, Any]], float | None]
) -> optuna.Study:
    """Let Optuna's tree-structured Parzen estimator (TPE; Bergstra et al. 2011) propose values.

    Args:
        space: what `parse_space` returns.
        trials: how many sets of values to try.
        seed: of the proposals.
        measure: gives the figure of a set of values, the higher the better; None if it failed.
    """
    try:
        import optuna  # noqa: PLC0415
    except ImportError:
        raise FacesiftError("optuna is not installed: pip install -e '.[dev]'") from None

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=seed))
    for _ in range(trials):
        trial = study.ask()
        drawn = {key: suggest(trial) for key, suggest in space.items()}
        value = measure(drawn)
        study.tell(trial, value, None if value is not None else optuna.trial.TrialState.FAIL)
    return study


def measured(figure: str, threads: int, names: dict[str, str]) -> Callable[[dict[str, Any]], float | None]:
    """Return a function that runs a trial, prints and returns its figure, and keeps its name in `names`."""

    def measure(drawn: dict[str, Any]) -> float | None:
        try:
            name, value = trial_figure(drawn, figure, threads)
        except FacesiftError as error:  # such as values that do not go together: the search goes on without them
            print(f"{drawn}: {error}", flush=True)
            return None
        names[str(drawn)] = name
        print(f"{name}: {figure} {percent(value)} with {drawn}", flush=True)
        return value

    return measure


def main(
    space: Annotated[list[str], typer.Argument(metavar="KEY=RANGE...", help="KEY=LOW:HIGH[:log|:int] or KEY=a,b,c")],
    *,
    trials: Annotated[int, typer.Option(min=1, help="sets of values to try")] = 20,
    seed: Annotated[int, typer.Option(help="of the proposals")] = 1,
    figure: Annotated[Figure, typer.Option(help="what to maximise, on validation images")] = "ap",
    threads: Annotated[
        int | None, typer.Option(min=1, help="of the stages", show_default="OMP_NUM_THREADS, or all cores")
    ] = None,
) -> None:
    """Search the values of parameters that give the best figure on validation images."""
    suggestions, each = parse_space(space), threads_for(1, threads)
    names: dict[str, str] = {}
    dvc("repro", LAST_STAGE, threads=each)
    study = search(suggestions, trials, seed, measured(figure, each, names))
    if not any(trial.value is not None for trial in study.trials):
        raise FacesiftError(f"none of {trials} trials has a figure; their messages are above")
    name = names[str(study.best_params)]
    print(f"best {figure}: {percent(study.best_value)} with {study.best_params}, experiment {name}")


if __name__ == "__main__":
    run_script(main)
