"""One small change of a program at a time: the faults that a test suite has to notice."""

import ast
import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Mutant", "mutants"]


@dataclass(frozen=True)
class Mutant:
    """A changed module: the function, the line, and the text before and after the change."""

    module: str
    function: str
    line: int
    before: str
    after: str
    tree: ast.Module

    @property
    def change(self) -> str:
        return f"{self.before} → {self.after}"

    def __str__(self) -> str:
        return f"{self.module}.{self.function}:{self.line}: {self.change}"


_SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq, ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.Add, ast.Pow: ast.Mult,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_NAMES = {"any": "all", "all": "any", "min": "max", "max": "min"}
_REMOVED = (ast.Raise, ast.Expr, ast.AugAssign, ast.Return, ast.Continue, ast.Break)


def mutants(module: str, path: Path) -> Iterator[Mutant]:
    """Yields every mutant of the functions of one module; constants of the module stay."""
    tree = ast.parse(path.read_text())
    for name, function in _functions(tree, ""):
        for node, shown, change in _changes(function):
            before = _short(node)
            undo = change()
            yield Mutant(module, name, node.lineno, before, _short(shown), copy.deepcopy(tree))
            undo()


def _short(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _functions(tree: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef]]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef):
            yield prefix + node.name, node
        elif isinstance(node, ast.ClassDef):
            yield from _functions(node, f"{prefix}{node.name}.")


Undo = Callable[[], None]
Change = Callable[[], Undo]
#: What is changed, what it looks like afterwards, and how.
Site = tuple[ast.expr | ast.stmt, ast.AST, Change]


def _changes(function: ast.FunctionDef) -> Iterator[Site]:
    for statement in function.body:
        for node in _nodes(statement):
            for change in _of_node(node):
                yield node, node, change
    for holder in ast.walk(function):
        yield from _removals(holder)


def _nodes(node: ast.AST) -> Iterator[ast.expr | ast.stmt]:
    """Yields what decides something: no words of errors, no annotations, texts or costs."""
    if isinstance(node, ast.Raise | ast.JoinedStr) or _is_cost(node):
        return
    if isinstance(node, ast.keyword) and node.arg == "strict":
        return  # zip of sequences whose lengths were compared before
    if isinstance(node, ast.expr | ast.stmt):
        yield node
    annotation = getattr(node, "annotation", None)
    for child in ast.iter_child_nodes(node):
        if child is not annotation:
            yield from _nodes(child)


def _is_cost(node: ast.AST) -> bool:
    """Whether a statement only charges the budget; that is what the tests of budgets are for."""
    match node:
        case ast.Expr(value=ast.Call(func=ast.Attribute(attr=name))):
            return name in ("work", "spend", "hold", "residues", "elimination")
    return False


def _of_node(node: ast.expr | ast.stmt) -> Iterator[Change]:
    match node:
        case ast.Compare():
            for k, op in enumerate(node.ops):
                ops = [*node.ops[:k], _SWAPS[type(op)](), *node.ops[k + 1 :]]
                yield _set(node, "ops", ops)
        case ast.BoolOp():
            yield _set(node, "op", _SWAPS[type(node.op)]())
            for k in range(len(node.values)):
                rest = node.values[:k] + node.values[k + 1 :]
                yield _set(node, "values", rest if len(rest) > 1 else rest * 2)
        case ast.BinOp() | ast.AugAssign() if type(node.op) in _SWAPS:
            yield _set(node, "op", _SWAPS[type(node.op)]())
        case ast.UnaryOp(op=ast.USub()):
            yield _set(node, "op", ast.UAdd())
        case ast.If() | ast.While() | ast.IfExp():
            yield _set(node, "test", ast.UnaryOp(ast.Not(), node.test))
        case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
            for part in node.generators:
                if part.ifs:
                    yield _set(part, "ifs", [])
        case ast.Constant(value=bool()):
            yield _set(node, "value", not node.value)
        case ast.Constant(value=int(number)):
            yield _set(node, "value", number + 1)
            if number > 0:
                yield _set(node, "value", number - 1)
        case ast.Name() if node.id in _NAMES:
            yield _set(node, "id", _NAMES[node.id])


def _set(node: ast.AST, field: str, value: object) -> Change:
    def change() -> Undo:
        old = getattr(node, field)
        setattr(node, field, value)
        return lambda: setattr(node, field, old)

    return change


def _removals(holder: ast.AST) -> Iterator[Site]:
    for field in ("body", "orelse"):
        found = getattr(holder, field, None)
        block = found if isinstance(found, list) else []
        for k, statement in enumerate(block):
            documented = isinstance(statement, ast.Expr) and isinstance(
                statement.value, ast.Constant
            )
            if isinstance(statement, _REMOVED) and not (documented or _is_cost(statement)):
                nothing = ast.copy_location(ast.Pass(), statement)
                rest = [*block[:k], nothing, *block[k + 1 :]]
                yield statement, nothing, _set(holder, field, rest)
