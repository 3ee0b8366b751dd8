"""Nothing that is loaded can run code, and every package is pinned, hashed and has its licence listed."""

import ast
import re

import pytest
from packaging.utils import canonicalize_name

from tests.made import ROOT
from workflow.supply_chain import COPYLEFT, HASHES, LICENCES, UNHASHED, pins

SOURCES = sorted(
    path for folder in ("facesift", "stages", "workflow", "bench") for path in (ROOT / folder).rglob("*.py")
)
MODULES = {"pickle", "cPickle", "dill", "cloudpickle", "shelve", "marshal", "joblib.numpy_pickle"}
# Its error class alone: torch raises it when it refuses a pickle.
ALLOWED = {("facesift/networks/checkpoints.py", "pickle.UnpicklingError")}
CALLS = {"eval", "exec", "compile", "__import__"}
ATTRIBUTES = {
    "yaml.unsafe_load",
    "yaml.full_load",
    "pickle.load",
    "pickle.loads",
    "joblib.load",
    "np.load",
}
STRICT = {"_StrictLoader", "CSafeLoader", "SafeLoader"}


def name_of(node):
    """Dotted name of what is called."""
    if isinstance(node, ast.Attribute):
        return f"{name_of(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def unsafe(call):
    """Whether a call can run code out of what it loads."""
    name = name_of(call.func)
    keywords = {each.arg: ast.unparse(each.value) for each in call.keywords}
    if name in CALLS:
        return True
    if name == "torch.load":
        return keywords.get("weights_only") != "True"
    if name == "np.load":
        return keywords.get("allow_pickle", "False") != "False"
    if name == "yaml.load":
        return not any(loader in ast.unparse(call) for loader in STRICT)
    return name in ATTRIBUTES


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_nothing_that_is_loaded_can_run_code(path):
    text, place = path.read_text(), path.relative_to(ROOT).as_posix()
    tree = ast.parse(text)
    strange = [name for name in imported(tree) if {name, name.rpartition(".")[0]} & MODULES]
    assert [name for name in strange if (place, name) not in ALLOWED] == []
    calls = [ast.unparse(node) for node in ast.walk(tree) if isinstance(node, ast.Call) and unsafe(node)]
    assert calls == []
    assert "LOAD_TRUNCATED_IMAGES" not in text


@pytest.mark.parametrize(
    "code",
    [
        "eval('1')", "torch.load(p)", "torch.load(p, weights_only=False)", "yaml.load(t)", "yaml.unsafe_load(t)",
        "np.load(p, allow_pickle=True)", "joblib.load(p)", "pickle.loads(b)",
    ],
)  # fmt: skip
def test_the_check_finds_what_it_is_for(code):
    assert unsafe(ast.parse(code).body[0].value)


def test_every_package_has_hashes():
    text = (ROOT / HASHES).read_text()
    hashed = dict(re.findall(r"^([\w.-]+)==([\w.]+)[^\n]*\\\n    --hash=sha256:[0-9a-f]{64}", text, re.MULTILINE))
    wanted = {name: version for name, version in pins(ROOT / "constraints.txt").items() if name not in UNHASHED}
    assert hashed == {canonicalize_name(name): version for name, version in wanted.items()}


def test_every_package_has_its_licence_listed():
    rows = dict(re.findall(r"^\| ([\w.-]+) \| ([\w.]+) \|", (ROOT / LICENCES).read_text(), re.MULTILINE))
    assert {name: version for name, version in rows.items() if name != "package"} == pins(ROOT / "constraints.txt")


def test_no_package_of_screening_is_copyleft():
    needed = ("numpy", "pillow", "polars", "pydantic", "pyyaml", "rich", "safetensors", "scipy", "typer", "onnxruntime")
    rows = dict(re.findall(r"^\| ([\w.-]+) \| [\w.]+ \| (.*) \|$", (ROOT / LICENCES).read_text(), re.MULTILINE))
    assert not [name for name, words in rows.items() if name.lower() in needed and COPYLEFT.search(words)]
