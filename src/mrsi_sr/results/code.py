"""Which of the package's modules a script uses, read from its import statements."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
HOLDS_STATEMENTS = (ast.stmt, ast.ExceptHandler, ast.match_case)


def code_of(script: str | Path) -> list[str]:
    """The script's own file and the files of all mrsi_sr modules that it imports, directly or through others.

    Imports inside functions count. The workflow lists these files as a rule's input, so that an edited module reruns
    exactly the rules that use it. Paths inside the working directory are relative to it.
    """
    files: set[Path] = set()
    waiting = [Path(script).resolve()]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.add(file)
            waiting.extend(_imports(file))
    return sorted(_relative(file) for file in files)


@cache
def _imports(file: Path) -> tuple[Path, ...]:
    found: set[Path] = set()
    for node in _statements(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        for name in names:
            found.update(_files(name))
    return tuple(found)


def _statements(tree: ast.AST) -> Iterator[ast.AST]:
    """All statements at any depth; imports are statements, and most of a tree is not."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += [child for child in ast.iter_child_nodes(node) if isinstance(child, HOLDS_STATEMENTS)]


@cache
def _files(name: str) -> list[Path]:
    """The files that importing a dotted name runs: the module and the __init__ of each package above it."""
    parts = name.split(".")
    if parts[0] != "mrsi_sr":
        return []
    files = []
    for depth in range(len(parts)):
        place = PACKAGE.joinpath(*parts[1 : depth + 1])
        candidates = (place / "__init__.py", place.with_suffix(".py"))
        files.extend(candidate for candidate in candidates if candidate.is_file())
    return files


def _relative(file: Path) -> str:
    here = Path.cwd()
    return str(file.relative_to(here) if file.is_relative_to(here) else file)
