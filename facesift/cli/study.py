"""`facesift study`: list the studies, or check one and write its parameters to params.yaml."""

from __future__ import annotations

from typing import Annotated

import typer


def study(
    name: Annotated[str | None, typer.Argument(help="A study of conf/study/. Without it, all are listed.")] = None,
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Values to change, such as stack.c=0.1.")
    ] = None,
) -> None:
    """Write the parameters of a study to params.yaml, or list the studies.

    Everything is checked first, the study's data too. `members=NAME` takes the members of conf/members/NAME.yaml.
    """
    from facesift.config.study import list_studies, write_study

    if name is None:
        typer.echo("\n".join(list_studies()))
        return
    params = write_study(name, settings or [])
    typer.echo(f"params.yaml: study {params.study}, members {', '.join(params.members)}. Next: dvc repro")
