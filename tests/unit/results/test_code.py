"""The code of a result is what can change its bits: no words for people, and nothing less than the rest."""

import ast
import shutil
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mrsi_sr.cli import UserError
from mrsi_sr.results import code as codes
from mrsi_sr.results.code import HIDDEN, code_of

# --- a small package: what a script's module says, and an edit of it

MODULE = '''"""What it computes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from mrsi_sr.cli import SECONDS, UserError, log, progress
from mrsi_sr.scale import factor
from mrsi_sr.settings.sizes import FRAME, WIDTHS
from mrsi_sr.tables import read
from mrsi_sr.words import counted, plural

if TYPE_CHECKING:
    from mrsi_sr.types import Image

SIGMA = 1.5
_WINDOW = 11
_HINT = "look at the montages"
_calls = 0


@dataclass
class Box:
    """A box."""

    side: int = 3


class Found(Exception):
    """Holds what was found."""


def smooth(image: Image, sigma: float = SIGMA) -> Image:
    """An image, smoothed."""
    global _calls
    _calls += 1
    if image.ndim != 2:
        there = f"the image has {image.ndim:d} dimensions: "
        raise UserError(f"{there}{plural(image.ndim)}\\n  {_HINT}")
    rows = [row * factor(sigma) for row in progress(image, "smoothing")]
    if len(rows) == 0:
        log.warning("no rows in %s, which has %s", image, counted(rows))
    log.info("smoothed %d rows", len(rows))
    return _clipped(rows)


def late(seconds):
    return seconds > SECONDS


def _clipped(rows):
    if FRAME < len(rows) + len(WIDTHS):
        raise _too_many(rows)
    return np.clip(rows, 0, 1)[:_WINDOW]


def _too_many(rows) -> UserError:
    more = " too many" if len(rows) > 3 else ""
    return UserError(f"{counted(rows)}: {more}")


@cache
def weights(name: str) -> dict:
    kept = {"a": 1, "b": 2}
    first = kept.pop("a")
    if name in kept:
        raise KeyError(f"{name} is there, and {first} too")
    assert kept, "empty"
    try:
        return getattr(read(name), "values")
    except ValueError as error:
        raise UserError(f"cannot read {name}") from error


def search(rows):
    try:
        for row in rows:
            if row:
                raise Found(row, 1)
    except Found as found:
        return found.args
'''
FILES = {
    "__init__.py": '"""A package."""\n\n__version__ = "1.0"\n',
    "cli.py": "SECONDS = 10\n\n\nclass UserError(Exception): pass\n\n\ndef progress(items, what):\n    return items\n",
    "filter.py": MODULE,
    "scale.py": "def factor(sigma):\n    return 2 * sigma\n",
    "tables.py": "from mrsi_sr.results import files\n\n\ndef read(name):\n    return files.load(name)\n",
    "types.py": "Image = list\n",
    "words.py": 'def counted(rows):\n    return f"{len(rows)} rows"\n\n\ndef plural(n):\n    return "s" * (n > 1)\n',
    "unused.py": "x = 1\n",
    "settings/__init__.py": "",
    "settings/sizes.py": "FRAME = 64\nOTHER = 3\nWIDTHS: list[int] = [1]\n",
    "results/__init__.py": "",
    "results/files.py": "load = open\n",
}
SCRIPT = '''"""A script."""

import argparse

from mrsi_sr.cli import run
from mrsi_sr.unused import x

KINDS = ("a", "b")


def parser():
    parser = argparse.ArgumentParser(description=__doc__, epilog=explained())
    parser.add_argument("--sigma", type=float, default=1.5, metavar="MM", help="width")
    return parser


def explained():
    return f"one of {KINDS}: {x}"


def main(arguments):
    from mrsi_sr import filter

    filter.smooth([], arguments.sigma)


if __name__ == "__main__":
    run(main, parser())
'''


@pytest.fixture
def code(tmp_path):
    """The code of a script in a small package, after edits of files in it: {name: (old, new)}."""
    numbers = iter(range(100))

    def compute(edits=None, root=None, **files):
        folder = tmp_path / str(next(numbers))
        texts = FILES | files | {"../../workflow/scripts/run.py": SCRIPT}
        for name, (old, new) in (edits or {}).items():
            name = "../../workflow/scripts/run.py" if name == "run.py" else name
            assert old in texts[name]
            texts[name] = texts[name].replace(old, new)
        for name, text in texts.items():
            file = folder / "src" / "mrsi_sr" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        package = folder / "src" / "mrsi_sr"
        return code_of(root or folder / "workflow" / "scripts" / "run.py", package=package)

    return compute


def test_the_code_is_what_is_imported_and_can_change_the_result(code):
    assert list(code()) == [
        "mrsi_sr/filter.py", "mrsi_sr/scale.py", "mrsi_sr/tables.py", "workflow/scripts/run.py",
    ]  # fmt: skip


def test_a_module_is_a_root_as_a_script_is(code):
    assert code(root="mrsi_sr.filter") == {name: it for name, it in code().items() if name.startswith("mrsi_sr/")}
    with pytest.raises(ValueError, match=r"no module mrsi_sr\.fliter"):
        code(root="mrsi_sr.fliter")


HARMLESS = {
    "a comment": ("SIGMA = 1.5", "SIGMA = 1.5  # mm"),
    "a docstring": ('"""An image, smoothed."""', '"""Smoothed."""\n    "and more"'),
    "no docstring": ('    """A box."""\n\n', ""),
    "the layout": ("np.clip(rows, 0, 1)", "np.clip(\n        rows,\n        0, 1,\n    )"),
    "quotes and numbers": ('{"a": 1, "b": 2}', "{'a': 0x1, 'b': 2}"),
    "an annotation": ("sigma: float = SIGMA) -> Image:", "sigma = SIGMA):"),
    "a local annotation": ("    rows = [", "    rows: list[Image] = ["),
    "an error's words": ('f"{there}{plural(image.ndim)}\\n  {_HINT}"', '"no image", plural(3), there, _HINT'),
    "an error's cause": ('{name}") from error', '{name}") from None'),
    "an error text composed before": ("dimensions: ", "axes, which is wrong: "),
    "a constant in an error": ("look at the montages", "look again"),
    "words of a function that makes an error": ('" too many"', '" many"'),
    "a log line's words": ("smoothed %d rows", "rows smoothed: %d"),
    "another log line": ("    return _clipped(rows)", '    log.info("clipping")\n    return _clipped(rows)'),
    "a log line under a condition": (
        "    return _clipped(rows)", '    if sigma > 3:\n        log.warning("wide")\n    return _clipped(rows)',
    ),
    "a warning": ("    return _clipped(rows)", '    warnings.warn("x", stacklevel=2)\n    return _clipped(rows)'),
    "a printed line": ("    return _clip", '    print("x", file=sys.stderr)\n    return _clip'),
    "the words of progress": ('"smoothing"', '"smoothing rows"'),
    "no progress": ('progress(image, "smoothing")', "image"),
    "for type checkers": ("import Image\n", "import Image\n\n    Images = list[Image]\n"),
    "an empty body's docstring": ('    """Holds what was found."""', "    pass"),
    "the format of a number in an error": ("ndim:d}", "ndim:3d}"),
}  # fmt: skip


@pytest.mark.parametrize("edit", HARMLESS)
def test_words_for_people_are_no_part_of_it(edit, code):
    old, new = HARMLESS[edit]
    module = next((name for name in ("sys", "warnings") if f"{name}." in new), None)
    text = FILES["filter.py"].replace("import numpy", f"import {module}\nimport numpy" if module else "import numpy")
    assert code({"filter.py": (old, new)}, **{"filter.py": text}) == code()


DECISIVE = {
    "a number": ("rows, 0, 1)", "rows, 0, 2)"),
    "a default": ("sigma: float = SIGMA", "sigma: float = 3"),
    "a constant": ("SIGMA = 1.5", "SIGMA = 1.6"),
    "a private constant": ("_WINDOW = 11", "_WINDOW = 13"),
    "the sign of a sum": ("_calls += 1", "_calls -= 1"),
    "a global's start": ("_calls = 0", "_calls = 1"),
    "a decorator": ("@cache\n", ""),
    "a field's default": ("side: int = 3", "side: int = 4"),
    "a field's type": ("side: int = 3", "side: ClassVar[int] = 3"),
    "a condition": ("image.ndim != 2", "image.ndim != 3"),
    "an exception's class": ("raise KeyError", "raise LookupError"),
    "what is caught": ("except ValueError", "except TypeError"),
    "an assertion": ("assert kept", "assert not kept"),
    "an attribute named in a string": ('"values"', '"index"'),
    "a key that a later error names": ('kept.pop("a")', 'kept.pop("b")'),
    "what an exception carries": ("raise Found(row, 1)", "raise Found(row, 2)"),
    "the order of statements": ("    global _calls\n    _calls += 1\n", "    global _calls\n"),
    "what is imported": ("import read\n", "import read as factor\n"),
    "what is removed": ("    return _clipped(rows)", "    del rows[0]\n    return _clipped(rows)"),
    "a value bound in a log line": ("len(rows))\n", "(rows := rows[1:]))\n"),
}


@pytest.mark.parametrize("edit", DECISIVE)
def test_what_can_change_a_result_changes_that_module_alone(edit, code):
    plain, edited = code(), code({"filter.py": DECISIVE[edit]})
    assert {name for name in plain.keys() | edited.keys() if plain.get(name) != edited.get(name)} == {
        "mrsi_sr/filter.py"
    }


@pytest.mark.parametrize(
    ("file", "edit", "changed"),
    [
        ("scale.py", ("2 *", "3 *"), True),
        ("words.py", ("rows", "lines"), False),
        ("types.py", ("list", "tuple"), False),
        ("cli.py", ("return items", "return list(items)"), False),
        ("cli.py", ("SECONDS = 10", "SECONDS = 11"), False),
        ("results/files.py", ("open", "read"), False),
        ("settings/sizes.py", ("OTHER = 3", "OTHER = 4"), False),
        ("settings/sizes.py", ("FRAME = 64", "FRAME = 32"), True),
        ("settings/sizes.py", ("WIDTHS: list[int] = [1]", "WIDTHS: list[int] = [2]"), True),
        ("unused.py", ("x = 1", "x = 2"), False),
        ("__init__.py", ("1.0", "1.1"), False),
        ("run.py", ("width", "width of the kernel"), False),
        ("run.py", ('KINDS = ("a", "b")', 'KINDS = ("a",)'), False),
        ("run.py", ("default=1.5", "default=1.6"), True),
        ("run.py", ("filter.smooth([]", "filter.smooth([1]"), True),
    ],
)
def test_other_files_count_as_far_as_they_can_change_it(file, edit, changed, code):
    assert (code() != code({file: edit})) == changed


def left(source, **known):
    return codes.Module(source, "mrsi_sr", **known)


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("_x = 1\n__all__ = ['_x']\n", "_x"),
        ("_x = 1\ny = globals()['_' + 'x']\n", "_x"),
        ("def _f(): pass\nx = getattr(module, '_f')\n", "_f"),
        ("@register\ndef _f(): pass\n", "_f"),
        ("class _C(Registered): pass\n", "_C"),
        ("def _f(x=register()): pass\n", "_f"),
        ("_x = register('a')\n", "register"),
        ("import effect\n", "effect"),
        ("from mrsi_sr.a import *\n", "mrsi_sr.a.*"),
        ("def f(x: int): pass\nf.__annotations__\n", "__annotations__"),
        ("@check_types\ndef f(x: Special): pass\n", "Special"),
        ("def f():\n    'words'\nhelp = f.__doc__\n", "words"),
        ("_x = 5\n_x += 1\n", "value=5"),
        ("def f():\n    text = f'{next(items)}'\n    raise ValueError(text)\n", "next"),
        ("def f():\n    text = 'a'\n    exec(words)\n    raise ValueError(text)\n", "'a'"),
        ("def f():\n    text = 'a'\n    if x:\n        raise ValueError(text)\n    return text\n", "'a'"),
        ("def f():\n    global text\n    text = 'a'\n    raise ValueError(text)\n", "'a'"),
        ("def f():\n    class A:\n        x: Special = 1\n    return A\n", "Special"),
        ("raise ValueError((n := 3))\n", "'n'"),
        ("if effect():\n    log.info('x')\n", "effect"),
        ("if x:\n    log.info('x')\nelse:\n    y = 1\n", "'y'"),
        ("print('x')\n", "print"),
        (
            "from mrsi_sr.a import b\ndef _f(): return b\ndef g(name):\n    log.info(b)\n    return globals()[name]\n",
            "import mrsi_sr.a.b as b",
        ),
        ("print('x', file=out)\n", "out"),
    ],
)
def test_what_may_have_an_effect_stays(source, name):
    assert name in left(source).text


def test_a_private_name_that_another_module_uses_stays(code):
    scale = "_BASE = 2\n\n\ndef factor(sigma):\n    return sigma\n"
    for use in ("from mrsi_sr.scale import _BASE\n\nX = _BASE\n", "from mrsi_sr import scale\n\nX = scale._BASE\n"):
        files = {"scale.py": scale, "tables.py": use + FILES["tables.py"]}
        assert code(**files) != code({"scale.py": ("_BASE = 2", "_BASE = 3")}, **files)
    assert code(**{"scale.py": scale}) == code({"scale.py": ("_BASE = 2", "_BASE = 3")}, **{"scale.py": scale})


def test_private_names_that_several_modules_use_all_stay(code):
    files = {
        "scale.py": "_A = 2\n_B = 2\n\n\ndef factor(sigma):\n    return sigma\n",
        "tables.py": f"from mrsi_sr.scale import _A\n\nX = _A\n{FILES['tables.py']}",
        "filter.py": f"from mrsi_sr.scale import _B\n\nX = _B\n{MODULE}",
    }
    for name in "_A", "_B":
        assert code(**files) != code({"scale.py": (f"{name} = 2", f"{name} = 3")}, **files)


def test_relative_and_star_imports_are_followed(code):
    for use in ("from .scale import factor as f\n", "from . import scale\n", "from mrsi_sr.scale import *\n"):
        text = f"{use}{FILES['tables.py']}"
        assert "mrsi_sr/scale.py" in code(root="mrsi_sr.tables", **{"tables.py": text}), use
    files = {"many/__init__.py": "__all__ = ['one']\n", "many/one.py": "x = 1\n"}
    star = f"from mrsi_sr.many import *\n{FILES['tables.py']}"
    assert "mrsi_sr/many/one.py" in code(root="mrsi_sr.tables", **files, **{"tables.py": star})


# --- the package itself


class Worded(ast.NodeTransformer):
    """Other words wherever a module has words for people."""

    def visit_FunctionDef(self, node):
        self.generic_visit(node)
        start = 1 if ast.get_docstring(node) is not None else 0
        line = ast.parse("from mrsi_sr.cli import log\nlog.info('reached %s', __file__)").body
        node.body[:start] = [ast.Expr(ast.Constant(f"{ast.get_docstring(node)} Edited.")), *line]
        return node

    def visit_Raise(self, node):
        if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in ("UserError", "ValueError"):
            node.exc.args.append(ast.Constant("edited"))
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "progress":
            node.args[1] = ast.BinOp(node.args[1], ast.Add(), ast.Constant(" edited"))
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) in ("log.info", "log.warning"):
            node.args[0] = ast.BinOp(node.args[0], ast.Add(), ast.Constant(" edited"))
        if isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument":
            for each in node.keywords:
                if each.arg == "help":
                    each.value = ast.BinOp(each.value, ast.Add(), ast.Constant(" edited"))
        return node


@pytest.fixture(scope="module")
def scripts(repository):
    return sorted((repository / "workflow" / "scripts").glob("*.py"))


def of_all(scripts, package):
    codes._code_of.cache_clear()
    codes._module.cache_clear()
    codes._constant.cache_clear()
    places = [package.parents[1] / "workflow" / "scripts" / script.name for script in scripts]
    return {place.stem: code_of(place, package=package) for place in places}


@pytest.fixture
def copy(repository, tmp_path) -> Path:
    """A copy of the package, beside one of the scripts."""
    for name in ("src/mrsi_sr", "workflow/scripts"):
        shutil.copytree(repository / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path / "src" / "mrsi_sr"


def test_other_words_in_every_module_and_script_change_nothing(copy, scripts):
    before = of_all(scripts, copy)
    for file in copy.parents[1].rglob("*.py"):
        text = ast.unparse(ast.fix_missing_locations(Worded().visit(ast.parse(file.read_text()))))
        file.write_text(f"# a comment\n{text}\n# another\n")
    assert of_all(scripts, copy) == before


def test_a_changed_line_of_the_flow_changes_its_module_alone(copy, scripts):
    before = of_all(scripts, copy)
    flow = copy / "networks" / "flow.py"
    assert flow.read_text().count(" (z - ") == 1
    flow.write_text(flow.read_text().replace(" (z - ", " (z + "))
    after = of_all(scripts, copy)
    for script, code in before.items():
        assert {name for name in code if code[name] != after[script].get(name)} <= {"mrsi_sr/networks/flow.py"}
    with_flow = {script for script, code in before.items() if "mrsi_sr/networks/flow.py" in code}
    assert {script for script in before if before[script] != after[script]} == with_flow
    assert not with_flow & {"ingest", "mask", "slices", "truncate", "folds", "evaluate", "table"}


def test_bookkeeping_and_settings_are_nobodys_code(repository, scripts):
    for code in of_all(scripts, repository / "src" / "mrsi_sr").values():
        assert not [name for name in code if name.split("/")[1].removesuffix(".py") in ("cli", "results", "settings")]


def test_every_literal_that_other_rooms_import_from_settings_is_found(repository):
    package, wanted = repository / "src" / "mrsi_sr", set()
    for file in [*package.rglob("*.py"), *(repository / "workflow" / "scripts").glob("*.py")]:
        if package / "settings" not in file.parents:
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and f"{node.module}.".startswith("mrsi_sr.settings."):
                    wanted |= {(node.module, alias.name) for alias in node.names if alias.name.isupper()}
    values = {f"{module}.{name}": getattr(import_module(module), name) for module, name in wanted}
    plain = {dotted: value for dotted, value in values.items() if is_literal(value)}
    assert {"architecture.FRAME", "protocol.REGIONS", "protocol.SIZES"} <= {
        dotted.removeprefix("mrsi_sr.settings.") for dotted in plain
    }
    for dotted, value in plain.items():
        assert codes._constant(package, dotted) == f"{dotted.rpartition('.')[2]} = {value!r};"


def is_literal(value):
    try:
        return ast.literal_eval(repr(value)) == value
    except (ValueError, SyntaxError):
        return False


COMPUTING = ("networks/flow_layers.py", "networks/modulators.py", "diffusion/schedule.py", "evaluation/metrics.py")


def operation(node):
    """Whether a node is a number or an operation: the `|` of annotations aside."""
    if isinstance(node, ast.BinOp):
        return not isinstance(node.op, ast.BitOr)
    return isinstance(node, ast.Constant) and type(node.value) in (int, float)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(COMPUTING), st.integers(0, 10_000))
def test_any_operator_or_number_of_a_computation_counts(repository, name, choice):
    source = (repository / "src" / "mrsi_sr" / name).read_text()
    tree = ast.parse(source)
    raised = [each for node in ast.walk(tree) if isinstance(node, ast.Raise) for each in ast.walk(node)]
    found = [node for node in ast.walk(tree) if operation(node) and node not in raised]
    node = found[choice % len(found)]
    if isinstance(node, ast.BinOp):
        node.op = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
    else:
        node.value += 1
    assert left(ast.unparse(tree)).text != left(source).text


@pytest.mark.parametrize("script", ["folds", "truncate"])
def test_what_a_script_imports_is_in_its_code_or_decides_nothing(script, repository):
    path = repository / "workflow" / "scripts" / f"{script}.py"
    run = (
        f"import runpy, sys; sys.argv = ['{script}.py']\n"
        f"runpy.run_path({str(path)!r})\n"
        "print('\\n'.join(n for n, m in sys.modules.items() if n.split('.')[0] == 'mrsi_sr' and '.' in n))"
    )
    loaded = subprocess.run([sys.executable, "-c", run], capture_output=True, text=True, check=True).stdout.split()
    hidden = {name for name in loaded if name.startswith(HIDDEN)}
    assert {f"{name.replace('.', '/')}.py" for name in loaded if name not in hidden} <= code_of(path).keys()


def test_an_import_inside_a_function_counts(repository):
    assert "mrsi_sr/training/loop.py" in code_of(repository / "workflow" / "scripts" / "train.py")


def test_scripts_that_train_nothing_do_not_depend_on_training(repository):
    for script in ("ingest", "mask", "slices", "table"):
        modules = code_of(repository / "workflow" / "scripts" / f"{script}.py")
        assert not [name for name in modules if name.startswith("mrsi_sr/training/")]


def test_planning_may_ask_a_thousand_times_and_each_file_is_read_once(repository, scripts, monkeypatch):
    first = of_all(scripts, repository / "src" / "mrsi_sr")
    monkeypatch.setattr(codes, "Module", lambda *_, **__: pytest.fail("a module is read again"))
    for _ in range(1000):
        assert code_of(scripts[0]) == first[scripts[0].stem]


def test_a_syntax_error_is_named_with_its_file_and_line(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("x = 1\ny = = 2\n")
    with pytest.raises(UserError, match=r"broken\.py, line 2, is not Python"):
        code_of(script)
