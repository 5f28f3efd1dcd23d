"""Nothing here unpickles: a file from elsewhere can hold tensors and numbers, never code that runs when it is read.

The one exception knows its files by their SHA-256 and makes arrays alone: evaluation/lpips_archive.py.
"""

import ast
import pickle
from pathlib import Path

import pytest
import torch
from clone import REPOSITORY

FILES = sorted(path for folder in ("src", "workflow") for path in (REPOSITORY / folder).rglob("*.py"))
UNPICKLING = {"pickle.load", "pickle.loads", "pickle.Unpickler", "joblib.load", "dill.load", "dill.loads",
              "pd.read_pickle", "pandas.read_pickle", "shelve.open", "marshal.load", "marshal.loads"}  # fmt: skip
# Functions that unpickle unless they are told otherwise, and the argument that tells them.
TOLD = {"torch.load": ("weights_only", True), "load_state_dict_from_url": ("weights_only", True),
        "np.load": ("allow_pickle", False), "numpy.load": ("allow_pickle", False)}  # fmt: skip


def faults(source: str) -> list[str]:
    """The calls of a source that unpickle or may."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef) and "pickle.Unpickler" in map(ast.unparse, node.bases):
            found.append(f"line {node.lineno}: {node.name}")
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {word.arg: ast.unparse(word.value) for word in node.keywords}
        told = next((word for end, word in TOLD.items() if name == end or name.endswith(f".{end}")), None)
        if name in UNPICKLING or (told and given.get(told[0]) != str(told[1])):
            found.append(f"line {node.lineno}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_no_module_and_no_script_unpickles(path):
    found = faults(path.read_text())
    assert not found or (path.name == "lpips_archive.py" and len(found) == 1 and "_ArrayUnpickler" in found[0])


@pytest.mark.parametrize(
    "call",
    ["torch.load(f)", "torch.load(f, weights_only=False)", "np.load(f)", "np.load(f, allow_pickle=True)",
     "pickle.loads(b)", "torch.hub.load_state_dict_from_url(u)", "class A(pickle.Unpickler): pass"],
)  # fmt: skip
def test_the_law_above_can_be_broken(call):
    assert faults(call)
    assert not faults("torch.load(f, weights_only=True); np.load(f, allow_pickle=False)")


class Intruder:
    ran = False

    def __reduce__(self):
        return (setattr, (Intruder, "ran", True))


def test_torch_refuses_a_pickle_unless_told_otherwise(tmp_path):
    """The lpips package, which the tests compare with, reads its linear weights by torch.load alone."""
    path = Path(tmp_path / "intruder.pth")
    path.write_bytes(pickle.dumps(Intruder(), protocol=2))
    with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
        torch.load(path)
    assert not Intruder.ran
