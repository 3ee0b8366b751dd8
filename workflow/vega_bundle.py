"""Write `.dvc/vega.js`, so that `dvc plots show` needs no network: `python -m workflow.vega_bundle`.

The file is Vega, Vega-Lite and Vega-Embed (BSD 3-Clause) as one script out of the package vl-convert-python.
"""

from __future__ import annotations

from pathlib import Path

from facesift.core.files import whole_file

BUNDLE = Path(".dvc/vega.js")
HEAD = "// Vega, Vega-Lite and Vega-Embed, BSD 3-Clause (https://github.com/vega), as vl-convert-python ships them.\n"


def main() -> None:
    """Write the bundle anew."""
    import vl_convert  # noqa: PLC0415  only where plots are shown

    with whole_file(BUNDLE) as part:
        part.write_text(HEAD + vl_convert.javascript_bundle(), encoding="utf-8", newline="\n")  # type: ignore[call-arg]  # its stub lacks the default


if __name__ == "__main__":
    main()
