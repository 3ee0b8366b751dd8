"""YAML is read strictly: what a lenient reader passes over is an error that names the file and the line."""

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import given

from facesift.config.compose import compose
from facesift.config.params import load_params
from facesift.config.yaml_file import read_yaml
from facesift.core.errors import FacesiftError
from tests.made import ROOT

LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n" for name in "bcdefghij"
)
WRONG = {
    "key twice": (b"a: 1\nb: 2\na: 3\n", "key 'a' stands twice, in lines 1 and 3"),
    "key twice in a flow": (b"a: {b: 1, b: 2}\n", "key 'b' stands twice"),
    "not UTF-8": (b"a: \xff\xfe\n", "not UTF-8 at byte 3"),
    "deep": (b"[" * 5000, "nested deeper than 50 levels"),
    "deep maps": (b"\n".join(b" " * level + b"a:" for level in range(2000)), "nested deeper than 50 levels"),
    "billion laughs": (LAUGHS.encode(), "its aliases .* more than 200000 values"),
    "alias of itself": (b"a: &a [*a]\n", "an alias inside of what it stands for"),
    "code": (b"!!python/object/apply:os.system ['true']\n", "could not determine a constructor"),
    "control": (b"a: \x00\n", "not valid YAML"),
    "bad date": (b"a: 2026-13-45\n", "not valid YAML"),
}


@pytest.mark.parametrize("kind", WRONG)
def test_a_wrong_file_is_named_with_what_is_wrong(tmp_path, kind):
    content, message = WRONG[kind]
    path = tmp_path / "params.yaml"
    path.write_bytes(content)
    with pytest.raises(FacesiftError, match=rf"(?s)params\.yaml: not valid YAML: .*{message}|^.*{message}"):
        load_params(path)


@pytest.mark.parametrize("kind", ["key twice", "not UTF-8", "deep", "billion laughs", "alias of itself", "code"])
@pytest.mark.parametrize("place", ["study/portraits.yaml", "base.yaml", "config.yaml"])
def test_so_is_a_wrong_file_of_conf(tmp_path, kind, place):
    import shutil

    conf = shutil.copytree(ROOT / "conf", tmp_path / "conf")
    (conf / place).write_bytes(WRONG[kind][0])
    with pytest.raises(FacesiftError, match=place.rpartition("/")[2]):
        compose("portraits", conf=conf)


def test_what_is_right_is_read_as_before(tmp_path):
    path = ROOT / "params.yaml"
    assert read_yaml(path) == yaml.safe_load(path.read_text())
    (tmp_path / "a.yaml").write_text("x: &x {a: 1}\ny: {<<: *x, b: 2}\nz: [*x, *x]\n")
    assert read_yaml(tmp_path / "a.yaml") == yaml.safe_load((tmp_path / "a.yaml").read_text())
    (tmp_path / "empty.yaml").write_text("")
    assert read_yaml(tmp_path / "empty.yaml") is None


TEXT = (ROOT / "params.yaml").read_text().encode()


@given(st.data())
def test_any_damage_is_an_error_of_one_kind(tmp_path_factory, data):
    part = bytearray(TEXT[: data.draw(st.integers(0, 3000))])
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(len(part) - 1, 0)))
        part[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
    path = tmp_path_factory.mktemp("fuzz") / "params.yaml"
    path.write_bytes(part)
    with pytest.raises(FacesiftError):
        load_params(path)
