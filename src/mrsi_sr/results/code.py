"""The code of a result: the modules that can change its bits, found by import statements and hashed without words."""

import ast
import hashlib
from contextlib import suppress
from functools import cache
from pathlib import Path

from mrsi_sr.results.syntax import Reduced, reduced

PACKAGE = Path(__file__).parents[1]
# Modules that are not followed. A setting's value reaches a result through the rule's parameters and the fingerprints.
HIDDEN = tuple(f"mrsi_sr.{name}" for name in ("cli", "results", "settings", "workflow"))
CONSTANTS = "mrsi_sr.settings."  # where constants of the field are defined, such as the size of a map


def code_of(*roots: str | Path, package: Path = PACKAGE) -> dict[str, str]:
    """Hashes of the modules that can change a result, by name, such as "mrsi_sr/networks/flow.py".

    roots: dotted names of modules and paths of scripts (ending in .py) that make the result. Imports are followed from
    there, also those inside functions. A module that is loaded by name (importlib) has to be named as a further root.
    package: the folder of the package. Files are read once per process.
    Raises ValueError for a root that is no module of the package, OSError for a script that cannot be read.
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
        part = _reduced(package, file, wanted[file])
        texts[file] = part.text + "".join(_constant(package, name) for name in sorted(part.hidden))
        waiting += [(each, frozenset(part.private)) for name in part.imports for each in _files(package, name)]
    left = {_name(package, file): text for file, text in texts.items() if text}
    return {name: hashlib.sha256(left[name].encode()).hexdigest()[:16] for name in sorted(left)}


@cache
def _reduced(package: Path, file: Path, wanted: frozenset[str]) -> Reduced:
    here = file.relative_to(package.parent).parent.parts if file.is_relative_to(package) else ()
    return reduced(file.read_text(), ".".join(here), HIDDEN, wanted, script=not here)


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
            case ast.Assign(targets=[ast.Name(id=found)], value=value) if found == name:
                with suppress(ValueError):
                    return f"{name} = {ast.literal_eval(value)!r};"
    return ""


def _name(package: Path, file: Path) -> str:
    """A module's name from the package on, a script's with the two folders above it: the same in every clone."""
    return file.relative_to(package.parent).as_posix() if file.is_relative_to(package) else "/".join(file.parts[-3:])
