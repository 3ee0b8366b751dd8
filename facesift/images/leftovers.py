"""Files beside images that are no data: what file managers leave behind, and texts that accompany an image."""

from __future__ import annotations

import re

FOLDERS = (
    "__MACOSX", "@eaDir", ".@__thumb", "#recycle", "$RECYCLE.BIN", "System Volume Information", "lost+found", ".git",
    ".svn", ".ipynb_checkpoints", ".AppleDouble", ".DocumentRevisions-V100", ".fseventsd", ".Spotlight-V100",
    ".TemporaryItems", ".Trashes", ".Trash-1000",
)  # fmt: skip
FILES = (
    "Thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", ".DS_Store", ".localized", ".directory", ".nomedia",
    ".picasa.ini", "Picasa.ini", "ZbThumbnail.info", "Icon\r", ".gitignore", ".gitkeep", ".gitattributes", ".dvcignore",
)  # fmt: skip
# Not .csv and .parquet: these may be tables of the images.
SIDECARS = (".xmp", ".json", ".txt", ".npy", ".npz", ".xml", ".yaml", ".yml", ".md", ".pts", ".mat", ".aae", ".log")
FOLDER_ENTRY = "folder entries of zips"

_FOLDERS = {name.casefold(): name for name in FOLDERS}
_FILES = {name.casefold(): name for name in FILES}
# Windows' note of where a file was downloaded, as WSL, zips and macOS show it: a stream's name after a colon, or after
# the character that stands for a colon there.
_STREAM = re.compile(r".(?:[:\uf03a#_])?(zone\.identifier|smartscreen|com\.dropbox\.[\w.]+)$", re.IGNORECASE)
_SEPARATORS = re.compile(r"[/\\]")  # some Windows programs write backslashes into zips


def parts_of(path: str) -> list[str]:
    r"""Split a path into its folders and its name, by slashes and backslashes.

    >>> parts_of("faces\\real/1.png")
    ['faces', 'real', '1.png']
    """
    return _SEPARATORS.split(path)


def leftover(path: str) -> str | None:
    r"""Say what a file is that a file manager or a program left behind, by its path alone.

    Args:
        path: with slashes or backslashes.

    Returns:
        The kind, as it is counted; None for any other file. A leading dot alone makes no leftover.

    >>> leftover("__MACOSX\\faces\\._1.png"), leftover("a/.hidden.jpg"), leftover("1.png:Zone.Identifier")
    ('__MACOSX', None, '*:Zone.Identifier')
    """
    *folders, name = parts_of(path)
    for folder in folders:
        if folder.casefold() in _FOLDERS:
            return _FOLDERS[folder.casefold()]
    if name.casefold() in _FILES:
        return _FILES[name.casefold()]
    if name.startswith("._"):
        return "._*"
    if _STREAM.search(name):
        return "*:Zone.Identifier"
    return None


def sidecar(path: str) -> str | None:
    """Say which kind of sidecar a file is, a text or table that accompanies an image, by its ending.

    >>> sidecar("real/1.JSON"), sidecar("real/1.jpg")
    ('*.json', None)
    """
    return next((f"*{ending}" for ending in SIDECARS if path.casefold().endswith(ending)), None)
