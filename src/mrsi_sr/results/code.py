"""The code of a result: the modules that can change its bits, found by import statements and hashed without words."""

import ast
import hashlib
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from pathlib import Path

from mrsi_sr.cli import UserError
from mrsi_sr.results.syntax import Import, decisive, imported, is_private

PACKAGE = Path(__file__).parents[1]
# Modules that are not followed. A setting's value reaches a result through the rule's parameters and the fingerprints.
HIDDEN = tuple(f"mrsi_sr.{name}" for name in ("cli", "results", "settings", "workflow"))
CONSTANTS = "mrsi_sr.settings."  # where constants of the field are defined, such as the size of a map
NOT_WRITTEN = ("ctx", "kind", "type_comment", "type_ignores")  # fields of a syntax tree that change nothing


def code_of(*roots: str | Path, package: Path = PACKAGE) -> dict[str, str]:
    """Hashes of the modules that can change a result, by name, such as "mrsi_sr/networks/flow.py".

    roots: dotted names of modules and paths of scripts (ending in .py) that make the result. Imports are followed from
    there, also those inside functions. A module that is loaded by name (importlib) has to be named as a further root.
    package: the folder of the package. Files are read once per process.
    Raises ValueError for a root that is no module of the package, OSError for a script that cannot be read, UserError
    for a file with a syntax error.
    """
    scripts = [Path(root).resolve() for root in roots if str(root).endswith(".py")]
    modules = [str(root) for root in roots if not str(root).endswith(".py")]
    return dict(_code_of(package, tuple(scripts), tuple(modules)))


@cache
def _code_of(package: Path, scripts: tuple[Path, ...], modules: tuple[str, ...]) -> dict[str, str]:
    for name in modules:
        place = package.joinpath(*name.split(".")[1:])
        if name.split(".")[0] != package.name or not (place.with_suffix(".py").is_file() or place.is_dir()):
            raise ValueError(f"there is no module {name} in {package}")
    roots = [*scripts, *(file for name in modules for file in _files(package, name))]
    wanted: dict[Path, frozenset[str]] = {}  # private names that other modules use
    texts: dict[Path, str] = {}
    waiting = [(file, frozenset()) for file in roots]
    while waiting:
        file, names = waiting.pop()
        if file in wanted and names <= wanted[file]:
            continue
        wanted[file] = names | wanted.get(file, frozenset())
        module = _module(package, file, wanted[file])
        texts[file] = module.text + "".join(_constant(package, name) for name in sorted(module.hidden))
        waiting += [(each, frozenset(module.private)) for name in module.imports for each in _files(package, name)]
    left = {_name(package, file): text for file, text in texts.items() if text}
    return {name: hashlib.sha256(left[name].encode()).hexdigest()[:16] for name in sorted(left)}


class Module:
    """What can change a result in a module: as text, the same in every version of Python, and what it imports for that.

    imports: dotted names; `package.*` for all modules of a package. private: names with a leading underscore that it
    uses of the modules it imports. hidden: dotted names that it uses of HIDDEN modules, whose imports are not written.
    """

    def __init__(self, source: str, package: str, wanted: Iterable[str] = (), script: bool = False):
        """package: the module's own, for relative imports. wanted, script: as syntax.decisive has them."""
        tree = ast.parse(source)
        imports = [node for node in ast.walk(tree) if isinstance(node, Import)]
        self._package = package
        self._origins = {bound: dotted for node in imports for bound, dotted in imported(node, package)}
        self.imports: set[str] = set()
        self.private: set[str] = set()
        self.hidden: set[str] = set()
        statements, self._unused = decisive(tree, self._origins, wanted, script)
        self._words: list[str] = []
        self._write(statements)
        reads_docstrings = "'__doc__'," in self._words
        self.text = source if reads_docstrings else "".join(self._words) if statements else ""

    def _write(self, node) -> None:
        if isinstance(node, Import):
            self._write_import(node)
        elif isinstance(node, ast.AST):
            self._note_attribute(node)
            self._words.append(f"{type(node).__name__}(")
            for name in node._fields:
                if name not in NOT_WRITTEN and (value := getattr(node, name, None)) not in (None, []):
                    self._words.append(f"{name}=")
                    self._write(value)
            self._words.append(")")
        elif isinstance(node, list):
            self._words.append("[")
            for each in node:
                self._write(each)
            self._words.append("]")
        else:
            self._words.append(f"{node!r},")

    def _write_import(self, node: Import) -> None:
        for (bound, dotted), alias in zip(imported(node, self._package), node.names, strict=True):
            if bound in self._unused:
                continue
            if _is_hidden(dotted):
                self.hidden.add(dotted)
            else:
                self._words.append(f"import {dotted} as {bound};")
                self.imports |= {dotted, dotted.rpartition(".")[0]}
                self.private |= {alias.name} if is_private(alias.name) else set()

    def _note_attribute(self, node: ast.AST) -> None:
        """Note `name` in `module.name`."""
        match node:
            case ast.Attribute(value=ast.Name(id=module), attr=name) if module in self._origins:
                self.private |= {name} if is_private(name) else set()
                self.hidden |= {f"{self._origins[module]}.{name}"} if _is_hidden(self._origins[module]) else set()


@cache
def _module(package: Path, file: Path, wanted: frozenset[str]) -> Module:
    here = file.relative_to(package.parent).parent.parts if file.is_relative_to(package) else ()
    try:
        return Module(file.read_text(), ".".join(here), wanted, script=not here)
    except SyntaxError as error:
        raise UserError(f"{file}, line {error.lineno}, is not Python: {error.msg}") from None


def _is_hidden(dotted: str) -> bool:
    return any(f"{dotted}.".startswith(f"{name}.") for name in HIDDEN)


@cache
def _files(package: Path, name: str) -> list[Path]:
    """The files that importing a dotted name runs: the module, and the `__init__` of each package above it."""
    first, *below = name.split(".")
    if first != package.name:
        return []
    if below[-1:] == ["*"]:
        return sorted(package.joinpath(*below[:-1]).glob("*.py"))
    files = []
    for depth in range(len(below) + 1):
        place = package.joinpath(*below[:depth])
        files += [file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()]
    return files


@cache
def _constant(package: Path, dotted: str) -> str:
    """A literal that a module of settings defines, as `FRAME = 64`; nothing where the name is anything else."""
    module, _, name = dotted.rpartition(".")
    files = _files(package, module) if dotted.startswith(CONSTANTS) else []
    for statement in ast.parse(files[-1].read_text()).body if files else []:
        match statement:
            case ast.Assign(targets=[ast.Name(id=found)]) | ast.AnnAssign(target=ast.Name(id=found)) if found == name:
                with suppress(ValueError):
                    return f"{name} = {ast.literal_eval(statement.value)!r};"
    return ""


def _name(package: Path, file: Path) -> str:
    """A module's name from the package on, a script's with the two folders above it: the same in every clone."""
    return file.relative_to(package.parent).as_posix() if file.is_relative_to(package) else "/".join(file.parts[-3:])
