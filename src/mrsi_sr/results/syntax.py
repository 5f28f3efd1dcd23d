"""The part of a module's syntax tree that can change the bits of a result: the tree without its words for people.

| left out | example |
|---|---|
| comments, layout, docstrings | |
| annotations of functions and local variables | `def scaled(maps: Tensor) -> Tensor` |
| the words of an exception | `raise UserError(f"...")` is read as `raise UserError` |
| statements that log, warn or print to standard error; progress bars | `progress(files, "reading")` as `files` |
| blocks for type checkers; a script's start; help texts of flags, wherever they are added | `if TYPE_CHECKING:` |
| imports, private functions and constants that only these used | `_words_of_the_error(path)` |
| text in a local variable that only these used | `hint = f"did you mean {name}?"` |

The arguments of a log line or an exception are taken to have no effect of their own. Whatever else may have one stays:
decorated private functions, private values computed by a call, imports whose name nothing has ever used.
"""

import ast
from collections.abc import Iterable, Iterator

LEVELS = {"debug", "info", "warning", "warn", "error", "exception", "critical", "log"}
LOGGERS = {"log", "logger", "logging", "warnings"}
HELP = {"help", "metavar", "choices", "required", "description", "epilog", "prog", "formatter_class"}  # of argparse
# Decorators that read no annotations of the function.
PLAIN = {"property", "cached_property", "classmethod", "staticmethod", "cache", "contextmanager", "no_grad", "setter"}
DYNAMIC = {"globals", "locals", "eval", "exec", "__name__"}  # ways to use a name that is not written there
CLI_ERRORS = {"mrsi_sr.cli.UserError", "mrsi_sr.cli.Stopped"}
# Exceptions that hold words for people; others may hold what their handler goes on with.
TELLING = CLI_ERRORS | {"ValueError", "TypeError", "RuntimeError", "NotImplementedError"}
PROGRESS = {"mrsi_sr.cli.progress", "tqdm.tqdm", "tqdm.auto.tqdm"}
BINDS = (ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom)  # expressions that always have an effect
Import = ast.Import | ast.ImportFrom
Function = ast.FunctionDef | ast.AsyncFunctionDef


def decisive(
    tree: ast.Module, origins: dict[str, str], wanted: Iterable[str], script: bool
) -> tuple[list[ast.stmt], set[str]]:
    """The statements of a module that can change a result, without words, and the names that only the rest used.

    The tree is changed. origins: dotted name of what each imported name stands for. wanted: private names that other
    modules use. script: nobody imports this module, so that `main`, `parser` and what they use are all that counts.
    """
    without = _WithoutWords(origins, script)
    without.visit(tree)
    live = {"main", "parser", *wanted} if script else set(wanted)
    kept = _live(tree.body, live, script)
    lost = without.lost.union(*(_names(each) for each in tree.body if each not in kept))
    return kept, lost - live


def imported(node: Import, package: str) -> Iterator[tuple[str, str]]:
    """For each part of an import statement the name that it binds, and the dotted name of what that stands for.

    package: dotted name of the package that the module is in, for relative imports.
    """
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield alias.asname or alias.name.partition(".")[0], alias.name
        return
    above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
    module = ".".join([*above, *([node.module] if node.module else [])])
    for alias in node.names:
        yield alias.asname or alias.name, f"{module}.{alias.name}"


def is_private(name: str) -> bool:
    """Whether a name is of its module alone by convention, or the version, which changes no result."""
    return name == "__version__" or (name.startswith("_") and not name.startswith("__"))


class _WithoutWords(ast.NodeTransformer):
    """Takes the words for people out of a tree. An emptied body stays empty: the tree is read, and never run."""

    def __init__(self, origins: dict[str, str], script: bool):
        self.origins, self.script = origins, script
        self.in_function = False
        self.lost: set[str] = set()  # names that were used in what is left out

    def visit_Pass(self, node: ast.Pass) -> None:
        """Nothing: a body that holds a docstring alone is an empty one too."""

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        if isinstance(node.value, ast.Constant) or _only_tells(node.value):
            return self._leave_out(node)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: Function) -> ast.AST:
        if all(_last_name(each) in PLAIN for each in node.decorator_list):
            node.returns = self._leave_out(node.returns)
            for each in ast.walk(node.args):
                if isinstance(each, ast.arg):
                    each.annotation = self._leave_out(each.annotation)
        if self.script and node.name == "parser":
            for each in ast.walk(node):
                if isinstance(each, ast.Call):
                    self._leave_out_help(each)
        if self.in_function:
            return self.generic_visit(node)
        lost, self.lost, self.in_function = self.lost, set(), True
        self.generic_visit(node)
        self.in_function = False
        if self.lost and not (left := _names(node)) & DYNAMIC:
            _blank_texts(node, self.lost - left)
        self.lost |= lost
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        before, self.in_function = self.in_function, False
        self.generic_visit(node)
        self.in_function = before
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        self.generic_visit(node)
        if not self.in_function:
            return node
        self._leave_out(node.annotation)  # which Python does not even evaluate here
        return ast.Assign([node.target], node.value) if node.value else ast.AnnAssign(node.target, ast.Constant(""))

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        node.cause = self._leave_out(node.cause)
        if isinstance(node.exc, ast.Call) and not _has(node.exc, BINDS) and self._origin(node.exc.func) in TELLING:
            self._leave_out(*node.exc.args, *node.exc.keywords)
            node.exc = node.exc.func
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        origin = self._origin(node.func)
        if origin in CLI_ERRORS and not _has(node, BINDS):
            self._leave_out(*node.args, *node.keywords)
            node.args = node.keywords = []
        elif origin in PROGRESS and node.args:
            self._leave_out(node.func, *node.args[1:], *node.keywords)
            return self.visit(node.args[0])
        elif _last_name(node.func) == "add_argument":
            self._leave_out_help(node)
        return self.generic_visit(node)

    def visit_If(self, node: ast.If) -> ast.AST | list[ast.stmt] | None:
        is_start = self.script and isinstance(node.test, ast.Compare) and _last_name(node.test.left) == "__name__"
        if is_start or _last_name(node.test) == "TYPE_CHECKING":
            self._leave_out(node.test, *node.body)
            node.body = []
            self.generic_visit(node)
            return node.orelse
        self.generic_visit(node)
        if node.body or node.orelse or _has(node.test, (ast.Call, *BINDS)):
            return node
        return self._leave_out(node)

    def _leave_out_help(self, call: ast.Call) -> None:
        self._leave_out(*(keyword for keyword in call.keywords if keyword.arg in HELP))
        call.keywords = [keyword for keyword in call.keywords if keyword.arg not in HELP]

    def _leave_out(self, *nodes: ast.AST | None) -> None:
        self.lost.update(*(_names(node) for node in nodes if node))

    def _origin(self, called: ast.expr) -> str:
        """The dotted name of something imported: `f`, or `module.f`."""
        match called:
            case ast.Name(id=name):
                return self.origins.get(name, name)
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                return f"{self.origins.get(name, name)}.{attribute}"
        return ""


def _live(body: list[ast.stmt], live: set[str], script: bool) -> list[ast.stmt]:
    """The statements of a module without the private definitions that nothing uses.

    live: names that others use; those that the statements use are added.
    """
    defined = [_defined(statement, script) for statement in body]
    waiting = [statement for statement, name in zip(body, defined, strict=True) if name is None]
    kept: set[int] = set()
    while waiting:
        for statement in waiting:
            kept.add(id(statement))
            live |= _names(statement)
        if live & DYNAMIC:
            live.update(*map(_names, body))
            return body
        waiting = [each for each, name in zip(body, defined, strict=True) if name in live and id(each) not in kept]
    return [statement for statement in body if id(statement) in kept]


def _defined(statement: ast.stmt, script: bool) -> str | None:
    """The private name that a statement defines, if that is all that it does."""
    match statement:
        case ast.FunctionDef(name=name, decorator_list=[], args=arguments):
            values = [*arguments.defaults, *arguments.kw_defaults]
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            values = [statement.value]
        case _:
            return None
    effect = any(_has(value, (ast.Call, *BINDS)) for value in values if value)
    return name if (script or is_private(name)) and not effect else None


def _names(tree: ast.AST) -> set[str]:
    """All names that are used in a tree, in whatever scope: read, changed in place, written as a string."""
    names: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Load()) | ast.AugAssign(target=ast.Name(id=name)):
                names.add(name)
            case ast.Global(names=several) | ast.Nonlocal(names=several):
                names.update(several)
            case ast.Constant(value=str(text)) if text.isidentifier():
                names.add(text)
    return names


def _blank_texts(function: Function, names: set[str]) -> None:
    """Blank the texts that are assigned to local variables of these names."""
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)]) if name in names:
                node.value = _blank(node.value)


def _blank(value: ast.expr | None) -> ast.expr | None:
    """An expression without its text: not that in a call's arguments or an index, where it may do something."""
    match value:
        case ast.Constant(value=str()):
            return ast.Constant("")
        case ast.JoinedStr(values=parts):
            value.values = [part for part in parts if isinstance(part, ast.FormattedValue)]
            for part in value.values:
                part.format_spec = None
        case ast.IfExp(body=body, orelse=other):
            value.body, value.orelse = _blank(body), _blank(other)
        case ast.BinOp(left=left, right=right):
            value.left, value.right = _blank(left), _blank(right)
        case ast.List(elts=parts) | ast.Tuple(elts=parts):
            value.elts = [_blank(part) for part in parts]
        case ast.GeneratorExp(elt=part) | ast.ListComp(elt=part):
            value.elt = _blank(part)
        case ast.Call(func=ast.Attribute(value=ast.Constant(value=str()), attr="join") as method):
            method.value, value.args = ast.Constant(""), [_blank(part) for part in value.args]
    return value


def _only_tells(call: ast.expr) -> bool:
    """Whether an expression is a call that logs, warns, or prints to standard error."""
    match call:
        case ast.Call(func=ast.Attribute(value=ast.Name(id=name), attr=level)):
            return name in LOGGERS and level in LEVELS and not _has(call, BINDS)
        case ast.Call(func=ast.Name(id="print"), keywords=keywords):
            to = [_last_name(each.value) for each in keywords if each.arg == "file"]
            return to == ["stderr"] and not _has(call, BINDS)
    return False


def _last_name(node: ast.expr) -> str:
    """`c` of `a.b.c`, of `a.b.c(...)` and of `c`; nothing of other expressions."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=called):
            return _last_name(called)
    return ""


def _has(tree: ast.AST, kinds: tuple) -> bool:
    return any(isinstance(node, kinds) for node in ast.walk(tree))
