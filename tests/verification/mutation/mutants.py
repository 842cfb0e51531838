"""Write the mutants of the given modules to standard output, one JSON object a line.

Runs in the environment of Cosmic Ray, whose operators make most of them. What Cosmic Ray lacks
and a decision needs (membership turned round, a statement left out) is added by two operators of
the same interface. Left out are annotations, which nothing executes by, and replacements that say
nothing new: an arithmetic operator becomes its opposite, a comparison the one that differs where
both sides are equal and the one that is its denial, a sign goes.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import parso
from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.operator import Example, Operator
from cosmic_ray.plugins import get_operator, operator_names
from parso.tree import NodeOrLeaf

Position = tuple[int, int]
"""Line (from 1) and column (from 0)."""

_KEPT = re.compile(
    r"core/(ReplaceBinaryOperator_(Add_Sub|Sub_Add|Mul_FloorDiv|FloorDiv_Mul|FloorDiv_Div|Mod_Mul|BitOr_BitAnd|BitAnd_BitOr)"
    r"|ReplaceComparisonOperator_(Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt|Is_IsNot|IsNot_Is)"
    r"|ReplaceUnaryOperator_Delete_.*"
    r"|(?!Replace(Binary|Comparison|Unary)Operator|Variable).*)"
)


class TurnMembership(Operator):  # type: ignore[misc]
    """`in` becomes `not in`, and the other way round."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[tuple[Position, Position]]:
        """Every membership operator of a comparison."""
        if node.type == "comparison":
            for operator in node.children[1::2]:
                if operator.get_code().split() in (["in"], ["not", "in"]):
                    yield operator.start_pos, operator.end_pos

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        """The comparison with that operator turned round."""
        at = [place for place, child in enumerate(node.children) if child.get_code().split()[-1:] == ["in"]]
        turned = " not in" if node.children[at[index]].get_code().split() == ["in"] else " in"
        node.children[at[index]] = parso.parse(turned)
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """One of each."""
        return Example("x in y", "x not in y"), Example("x not in y", "x in y")


class LeaveOutStatement(Operator):  # type: ignore[misc]
    """A statement of a function does nothing."""

    def mutation_positions(self, node: NodeOrLeaf) -> Iterator[tuple[Position, Position]]:
        """Every simple statement of a function but docstrings, imports and declarations."""
        if node.type == "simple_stmt" and parso.python.tree.search_ancestor(node, "funcdef"):
            statement = node.children[0]
            if (
                statement.type not in ("string", "strings", "import_name", "import_from")
                and statement.get_code() != "pass"
            ):
                yield statement.start_pos, statement.end_pos

    def mutate(self, node: NodeOrLeaf, index: int) -> NodeOrLeaf:
        """`pass` in its place."""
        statement = node.children[0]
        prefix = statement.get_first_leaf().prefix
        node.children[0] = parso.python.tree.Keyword("pass", statement.start_pos, prefix)
        return node

    @classmethod
    def examples(cls) -> tuple[Example, ...]:
        """One."""
        return (Example("def f():\n    x = 1\n", "def f():\n    pass\n"),)


def _operators() -> dict[str, Operator]:
    names = [name for name in operator_names() if _KEPT.fullmatch(name)]
    return {name: get_operator(name)() for name in names} | {
        "membership": TurnMembership(),
        "omission": LeaveOutStatement(),
    }


def _annotations(source: str) -> list[tuple[Position, Position]]:
    """Where annotations begin and end."""
    nodes = ast.walk(ast.parse(source))
    found = [getattr(node, name, None) for node in nodes for name in ("annotation", "returns")]
    return [
        ((each.lineno, each.col_offset), (each.end_lineno or 0, each.end_col_offset or 0))
        for each in found
        if isinstance(each, ast.expr)
    ]


def _definitions(source: str) -> dict[int, str]:
    """For each line the innermost definition, with its class; a decorator belongs to what it decorates."""
    names: dict[int, str] = {}

    def name(parent: ast.AST, prefix: str) -> None:
        for node in ast.iter_child_nodes(parent):
            within = prefix
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                within = f"{prefix}.{node.name}".lstrip(".")
                begin = min([node.lineno, *(each.lineno for each in node.decorator_list)])
                names.update(dict.fromkeys(range(begin, (node.end_lineno or 0) + 1), within))
            name(node, within)

    name(ast.parse(source), "")
    return names


def _changed(before: str, after: str) -> tuple[str, str]:
    """The lines that differ, each without indentation and comment."""
    old, new = before.splitlines(), after.splitlines()
    while old and new and old[0] == new[0]:
        del old[0], new[0]
    while old and new and old[-1] == new[-1]:
        del old[-1], new[-1]
    return _plain(old), _plain(new)


def _plain(lines: list[str]) -> str:
    """Without what the operators' own blanks would make different."""
    told = (re.sub(r"(?<=[(\[]) +", "", " ".join(line.split("  # ")[0].split())) for line in lines)
    return "\n".join(line for line in told if line)


def mutants(module: Path) -> Iterator[dict[str, object]]:
    """Each different mutant of one module, in the order of the places they change."""
    source = module.read_text(encoding="utf-8")
    annotations, definitions = _annotations(source), _definitions(source)
    seen = {ast.dump(ast.parse(source))}
    times: Counter[tuple[str, str, str]] = Counter()
    places = [
        (start, name, occurrence, operator)
        for name, operator in _operators().items()
        for occurrence, start in enumerate(
            start for node in ast_nodes(get_ast(source)) for start, _ in operator.mutation_positions(node)
        )
    ]
    for start, name, occurrence, operator in sorted(places, key=lambda place: place[:3]):
        if any(begin <= start < end for begin, end in annotations):
            continue
        code = mutate_code(source, operator, occurrence)
        try:
            tree = ast.dump(ast.parse(code))
        except SyntaxError:
            continue
        if tree in seen:
            continue
        seen.add(tree)
        key = definitions.get(start[0], ""), *_changed(source, code)
        times[key] += 1
        yield {
            "module": module.stem,
            "line": start[0],
            "operator": name.removeprefix("core/"),
            "where": key[0],
            "was": key[1],
            "becomes": key[2],
            "nth": times[key],
            "code": code,
        }


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        for mutant in mutants(Path(argument)):
            sys.stdout.write(json.dumps(mutant) + "\n")
