"""The pictures through the real `dvc`: drawn, shown, the same every time, and never in git."""

import re

from PIL import Image

NAMES = [
    "classes.png",
    *(f"{kind}_{member}.png" for kind in ("features", "smote", "training") for member in ("one", "two")),
]


def test_pictures_are_drawn_shown_repeated_and_kept_out_of_git(repository):
    folder = repository.folder / "data/pictures"
    first = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    assert sorted(first) == sorted(NAMES)
    for path in folder.iterdir():
        with Image.open(path) as image:
            image.load()

    repository.run("dvc", "plots", "show")
    page = repository.folder / "dvc_plots/index.html"
    shown = re.findall(r'src="([^"]+\.png)"', page.read_text())
    assert sorted(link.partition("data_pictures_")[2] for link in shown) == sorted(NAMES)
    assert all((page.parent / link).is_file() for link in shown)

    assert repository.repro("--force", "--single-item", "pictures") == ["pictures"]
    assert {path.name: path.read_bytes() for path in sorted(folder.iterdir())} == first
    assert "data/pictures" not in repository.run("git", "ls-files")
