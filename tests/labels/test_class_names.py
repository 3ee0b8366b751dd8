import pytest

from facesift.core.errors import FacesiftError
from facesift.labels.class_names import ClassNames

NAMES = ClassNames(("real", "fake"), {"real": ["0_real", "original*", "FF-real", "0"], "fake": ["1_fake", "FF-*", "1"]})


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("real", "real"), ("FAKE", "fake"), ("0_Real", "real"), ("1_fake", "fake"), ("original_sequences", "real"),
        ("FF-DF", "fake"), ("FF-real", "real"), ("1", "fake"), ("other", None), ("aoriginal", None),
    ],
)  # fmt: skip
def test_a_name_stands_for_its_class_in_any_case_and_an_exact_one_goes_first(name: str, label: str | None):
    assert NAMES.find(name) == label


def test_a_name_of_two_classes_is_refused():
    with pytest.raises(FacesiftError, match=r"'unreal' stands for real and fake: change data\.sources\.NAME\.aliases"):
        ClassNames(("real", "fake"), {"real": ["*real"], "fake": ["un*"]}).find("unreal")
