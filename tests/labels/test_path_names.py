import pytest

from facesift.labels.path_names import folder_parts, matching_glob


@pytest.mark.parametrize(
    ("path", "globs", "matched"),
    [
        ("set/masks/1.png", ["**/masks/**"], True),
        ("masks/1.png", ["**/masks/**"], True),
        ("set/Masks/deep/1.png", ["**/masks/**"], True),
        ("set/masks.png", ["**/masks/**"], False),
        ("set/unmasked/1.png", ["**/masks/**"], False),
        ("a/1_mask.png", ["**/*_mask.png"], True),
        ("1_mask.png", ["**/*_mask.png"], True),
        ("a/b/1.png", ["a/*.png"], False),
        ("a/1.png", ["a/*.png"], True),
        ("a/masks/1.png", ["masks"], True),
        ("a/1.png", ["*.png"], True),
        ("a/1.png", [], False),
        ("a/(1).png", ["a/(?).png"], True),
    ],
)
def test_globs_match_folders_at_any_depth_and_names(path: str, globs: list[str], matched: bool):  # noqa: FBT001
    assert (matching_glob(path, globs) is not None) == matched


@pytest.mark.parametrize(
    ("path", "folders"),
    [
        ("real.zip/1.png", ("real",)), ("all.zip/fake.ZIP/x/1.png", ("all", "fake", "x")),
        ("a.tar\\b/1.png", ("a", "b")),
        ("v1.2/1.png", ("v1.2",)), ("1.zip", ()), (".zip/1.png", (".zip",)), ("//x/./1.png", ("x",)),
    ],
)  # fmt: skip
def test_zips_and_tars_are_folders_of_their_name(path: str, folders: tuple[str, ...]):
    assert folder_parts(path)[0] == folders
