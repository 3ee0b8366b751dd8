"""The figures of the embedded study in README.md, out of metrics/: `python -m workflow.page_figures`.

They stand between `<!-- demo: begin -->` and `<!-- demo: end -->`. A test compares them with metrics/.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from bench.training_report import put_between
from facesift.core.files import read_json
from facesift.core.formatting import area, counted, percent, span

README = Path("README.md")
Figures = Mapping[str, Any]


def demo_figures(metrics: Path, params: Path) -> str:
    """Return the result of the embedded study as a sentence and a table in Markdown.

    Args:
        metrics: Folder of the figures.
        params: The parameters that they were made with.
    """
    vote, voters = (read_json(metrics / f"{name}.json")["test"] for name in ("vote", "voters"))
    rule = yaml.safe_load(params.read_text(encoding="utf-8"))["vote"]["rule"]
    of_rule = vote[rule]
    fakes = of_rule["fakes"] + of_rule.get("review_fake", 0)
    reals = of_rule["reals"] + of_rule.get("review_real", 0)
    accused = of_rule["fp"] / reals
    stacker = voters["stacker"]
    rows = [
        ("fakes stopped or sent to a person", _share(of_rule, "caught")),
        ("images sent to a person", _share(of_rule, "review_rate")),
        ("real images called fake", f"{1000 * accused:.0f} of 1,000"),
        ("AUC of the stacker", area(stacker["auc"], stacker.get("auc_interval"))),
    ]
    heading = f"Rule `{rule}`, on {counted(fakes, 'fake')} and {counted(reals, 'real')} that no member has seen:"
    table = "\n".join(f"| {name} | {value} |" for name, value in rows)
    return f"{heading}\n\n| figure | value (95 % interval) |\n|---|---|\n{table}"


def _share(figures: Figures, name: str) -> str:
    """Format a share; a rule that sends nobody to a person has a recall in place of `caught`, and reviews nothing."""
    known = name if name in figures else {"caught": "recall"}.get(name)
    if known is None:
        return "none"
    return f"{percent(figures[known])} ({span(figures.get(f'{known}_interval'))} %)"


if __name__ == "__main__":
    put_between(README, "demo", demo_figures(Path("metrics"), Path("params.yaml")))
