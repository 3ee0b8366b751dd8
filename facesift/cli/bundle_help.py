"""Help of commands that decide with a bundle: it names the rules and operating points of the bundle at hand."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from facesift.cli.commands import BUNDLE_FOLDER
from facesift.core.errors import FacesiftError

if TYPE_CHECKING:
    from facesift.bundle.card import Card


class BundleCommand(TyperCommand):
    """A command with the options `--bundle`, `--rule` and `--point`, whose help knows the bundle's rules and points.

    The option `--bundle` must be eager, so that its value is known where it stands before `--help`.
    """

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Complete the help of `--rule` and `--point`, then print all help."""
        bundle = Path(ctx.params.get("bundle") or BUNDLE_FOLDER)
        known = _choices(bundle)
        for option in self.params:
            if option.name in known:
                option.help = f"{option.help} {known[option.name]}"  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


def _choices(bundle: Path) -> dict[str, str]:
    """Return what to add to the help of the options `rule` and `point`."""
    from facesift.bundle.card import read_card
    from facesift.committee.rules import RULES

    try:
        card = read_card(bundle)
    except FacesiftError:
        return {"rule": f"One of {', '.join(RULES)}.", "point": f"No bundle in {bundle} to name its points."}
    rules = ", ".join(f"{name} (the bundle's own)" if name == card.rule else name for name in RULES)
    return {"rule": f"One of {rules}.", "point": _points(bundle, card)}


def _points(bundle: Path, card: Card) -> str:
    refused = "".join(f" Not offered: {name}, as {why}." for name, why in card.not_offered.items())
    return f"{bundle} offers {', '.join(card.points) or 'none'}.{refused}"
