"""An evaluation as the API answers it (the JSON of `batchgate policy explain`), as a tree for people."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from batchgate_cli.operating.wording import manual_approval, minute
from batchgate_cli.output import Styled, Tree, printable_line

_MARKS: Final = {
    "met": ("✓", "green"),
    "violated": ("✗", "red"),
    "unknown": ("?", "yellow"),
    "unmeasurable": ("!", "yellow"),
}
VERDICT_STYLES: Final = {
    "approve": "bold green",
    "hold": "bold yellow",
    "wait": "bold cyan",
    "cancel": "bold red",
}
_CAUTION: Final = ("cancel", "wait", "hold", "approve", None)


def evaluation_tree(label: list[Styled], evaluation: Mapping[str, Any]) -> Tree:
    """What governs the job, what decides first; statements that do not govern on one line."""
    tree = Tree(label)
    statements = evaluation.get("statements", [])
    concern = [each for each in statements if each.get("governs") is not False]
    for each in sorted(concern, key=_order):
        _grow_statement(tree, each)
    others = [printable_line(str(each.get("name"))) for each in statements if each.get("governs") is False]
    if others:
        tree.add([(f"does not govern: {', '.join(others)}", "dim")])
    return tree


def _order(statement: Mapping[str, Any]) -> tuple[bool, bool, int]:
    vote = statement.get("vote")
    caution = _CAUTION.index(vote) if vote in _CAUTION else 0
    return statement.get("governs") is not True, statement.get("mode") == "shadow", caution


def _grow_statement(tree: Tree, statement: Mapping[str, Any]) -> None:
    governs, vote = statement.get("governs") is True, statement.get("vote")
    label: list[Styled] = [
        (f"{statement.get('kind')} ", "dim"),
        (printable_line(str(statement.get("name"))), "bold"),
        f"  {'governs' if governs else 'may govern'}",
    ]
    if vote is not None:
        shadow: list[Styled] = [("shadow: would ", "magenta")] if statement.get("mode") == "shadow" else []
        label += ["  ", *shadow, (str(vote), VERDICT_STYLES.get(str(vote), ""))]
    elif governs and statement.get("kind") == "guardrail":
        label.append(("  no objection", "green"))
    branch = tree.add(label)
    if not governs:
        match = statement.get("match", {})
        for part in _parts(match):
            if part.get("result") != "met":
                _grow_condition(branch, part, part.get("result"), "match ")
    for requirement in statement.get("requirements", []):
        _grow_requirement(branch, requirement, counts=governs)


def _grow_requirement(tree: Tree, requirement: Mapping[str, Any], *, counts: bool) -> None:
    own, result, vote = requirement.get("condition", {}), requirement.get("result"), requirement.get("vote")
    branch = _grow_condition(tree, own, result)
    if result == "met" and own.get("result") != "met":
        branch.label[0] = ("~ ", "green")
    if not counts:
        return
    if vote is not None and result != "met":
        branch.label.append((f"  -> {vote}", VERDICT_STYLES.get(str(vote), "")))
        if requirement.get("cancels_from"):
            at = minute(datetime.fromisoformat(requirement["cancels_from"]))
            branch.label.append((f", cancel from {at} UTC on", "red"))
        if requirement.get("message"):
            branch.add([(printable_line(str(requirement["message"])), "italic")])
    if own.get("result") != "met":
        for lift in requirement.get("lifts", []):
            _grow_lift(branch, lift)


def _grow_lift(tree: Tree, lift: Mapping[str, Any]) -> None:
    result = lift.get("condition", {}).get("result")
    name = "unless" if lift.get("name") is None else f"exception {printable_line(str(lift['name']))}"
    word = {"met": " lifts it", "violated": ": does not apply"}.get(str(result), ": may apply")
    because = f" ({printable_line(str(lift['because']))})" if lift.get("because") else ""
    mark, style = _MARKS["met"] if result == "met" else ("·", "dim")
    branch = tree.add([(f"{mark} ", style), f"{name}{word}{because}"])
    for part in _parts(lift.get("condition", {})):
        _grow_condition(branch, part, part.get("result"))


def _grow_condition(tree: Tree, condition: Mapping[str, Any], result: object, prefix: str = "") -> Tree:
    mark, style = _MARKS.get(str(result), ("?", "yellow"))
    joined = next((each for each in ("all", "any", "not") if each in condition), "")
    text = f"{joined} of" if joined else _line(condition)
    branch = tree.add([(f"{mark} ", style), (prefix, "dim"), printable_line(text)])
    for part in _parts(condition):
        _grow_condition(branch, part, part.get("result"))
    return branch


def _parts(condition: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [part for name in ("all", "any", "not") for part in condition.get(name, [])]


def _line(check: Mapping[str, Any]) -> str:
    """What a check came to."""
    if check.get("check") == "manual_approval":
        return manual_approval(check.get("actual") or "not given yet", check.get("expected"))
    return f"{check.get('subject')} is {check.get('actual')}, want {check.get('expected')}"
