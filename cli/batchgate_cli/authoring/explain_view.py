"""A decision as a tree for people, and what the gate does if it does not apply the verdict."""

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from batchgate.gate.protocol import Settle, Step, next_step, step_of_ungated
from batchgate.gate.review import requested_action
from batchgate.jobs.model import AsksForConfirmation, DateSurvives, Job
from batchgate.policy.approvals import short_name
from batchgate.policy.compiled import Kind, Verdict
from batchgate.policy.evaluate import Decision
from batchgate.policy.facts import Result
from batchgate.policy.trace import ConditionTrace, LiftTrace, RequirementTrace, StatementTrace
from batchgate.policy.wording import TRACED_AT_MOST, instant, printable
from batchgate.text import shorten
from batchgate_cli.output import Styled, Tree, print_tree

_Marks: TypeAlias = Mapping[Result, tuple[str, str]]
_MARKS: _Marks = {
    Result.MET: ("✓", "green"),
    Result.VIOLATED: ("✗", "red"),
    Result.UNKNOWN: ("?", "yellow"),
    Result.UNMEASURABLE: ("!", "yellow"),
}
VERDICT_STYLES: Mapping[str, str] = {
    "approve": "bold green",
    "hold": "bold yellow",
    "wait": "bold cyan",
    "cancel": "bold red",
}
_NEUTRAL: _Marks = {
    **_MARKS,
    Result.MET: ("✓", "dim"),
    Result.VIOLATED: ("·", "dim"),
}
"""Where a check that is not met is no failure: the match of a statement, an exemption."""
_LIFTED = ("~", "green")
"""What is not met, and need not be: an `unless` or an exception lifts it."""
_LIFTS: Mapping[Result, str] = {
    Result.MET: " lifts it",
    Result.VIOLATED: ": does not apply",
    Result.UNKNOWN: ": may apply",
    Result.UNMEASURABLE: ": may apply",
}
_GOVERNS = {True: "governs", False: "does not govern", None: "may govern"}


INSTEAD_IN_WORDS: Mapping[str, str] = {
    "nothing": "does nothing; S3 does not wait for a decision on the job",
    "waiting": "waits; this version does not know the job's status",
    "superseded": "does nothing to it, and reports that it was decided elsewhere: the job is no longer Suspended",
    "ungated": "reports the job as ungated, and does nothing to it: it ran without asking for confirmation",
    "ungated_or_confirmed_elsewhere": (
        "reports the job as ungated or confirmed elsewhere, and does nothing to it: it ran, and S3 does not report"
        " which"
    ),
}
"""What the gate does with a job that is not Suspended, and that the policies do not cancel."""


def done_instead(job: Job, decision: Decision, survives: DateSurvives) -> str:
    """What a gate that never wrote about this job does instead of what the verdict says; "" where it does that."""
    now, cancels = decision.facts.now, decision.policies.cancel_ungated
    asks = decision.facts.asks_for_confirmation
    step = next_step(None, job, now, cancel_ungated=cancels, survives=survives)
    if step is Step.EVALUATE and asks is AsksForConfirmation.NO and requested_action(decision) is None:
        step = step_of_ungated(None, job, now)
    if isinstance(step, Settle):
        return str(step.outcome)
    if step is Step.WAIT and decision.verdict is not Verdict.WAIT:
        return "waiting"
    return "nothing" if step is Step.NOTHING else ""


# --- For people -------------------------------------------------------------------------------------


def show_tree(decision: Decision, instead: str = "", *, everything: bool) -> None:
    """Print what `decision_as_tree` returns."""
    print_tree(decision_as_tree(decision, instead, everything=everything))


def decision_as_tree(decision: Decision, instead: str = "", *, everything: bool) -> Tree:
    """A tree of each statement, why it governs or not, and what each requirement came to.

    Args:
        decision: What to show.
        instead: What the gate does instead of what the verdict says; "" where it does that.
        everything: Also the statements that do not govern, check by check.
    """
    tree = Tree(_headline(decision, instead))
    for statement in sorted(decision.trace, key=_order):
        _grow_statement(tree, statement, everything=everything)
    return tree


def _order(statement: StatementTrace) -> tuple[int, bool, int]:
    """Statements that decide come first: those that govern, that are enforced, and with the most cautious vote."""
    governs = {True: 0, None: 1, False: 2}[statement.governs]
    return governs, not statement.enforced, -(statement.vote or Verdict.APPROVE)


def _headline(decision: Decision, instead: str) -> list[Styled]:
    verdict = (str(decision.verdict).upper(), VERDICT_STYLES[str(decision.verdict)])
    line: list[Styled] = [
        (instead, "bold magenta") if instead else verdict,
        f"  {decision.facts.ref.job_id}  {decision.facts.status}",
    ]
    if instead:
        line.append((f"  (verdict of the policies: {decision.verdict})", "dim"))
    if decision.until:
        line.append(f"  until {decision.until:%Y-%m-%d %H:%M} UTC")
    if decision.cancels_at:
        line.append((f"  will be cancelled at {instant(decision.cancels_at)} unless fixed", "red"))
    if decision.searched_until:
        line.append((f"  (an end was searched for only until {instant(decision.searched_until)})", "dim"))
    if decision.if_enforced is not None:
        line.append((f"  (shadow; enforced: {decision.if_enforced})", "magenta"))
    if decision.approvers:
        names = ", ".join(printable(short_name(who)) for who in decision.approvers)
        line.append(f"  approved by {shorten(names, TRACED_AT_MOST, sentence=True)}")
    if decision.lifted:
        line.append(f"  ({len(decision.lifted)} hold{'' if len(decision.lifted) == 1 else 's'} lifted)")
    if decision.awaiting and (decision.policies.asks_for_approvals or decision.facts.approvals):
        line.append(f"  {printable(decision.awaiting)}")
    return line


def _grow_statement(tree: Tree, statement: StatementTrace, *, everything: bool) -> None:
    style = "" if statement.governs else "dim"
    label: list[Styled] = [
        (f"{statement.kind} ", "dim"),
        (printable(statement.name), f"bold {style}"),
        (f"  {_GOVERNS[statement.governs]}", style),
    ]
    if statement.vote is not None:
        label.append("  ")
        if not statement.enforced:
            label.append(("shadow: would ", "magenta"))
        label.append((str(statement.vote), VERDICT_STYLES[str(statement.vote)]))
    elif statement.kind is Kind.GUARDRAIL and statement.governs:
        label.append(("  no objection", "green"))
    branch = tree.add(label)
    if statement.governs is not True or everything:
        for part in statement.match.parts:
            if everything or part.result is not Result.MET:
                _grow_condition(branch, part, "match ", marks=_NEUTRAL)
    if statement.governs is not False or everything:
        for requirement in statement.requirements:
            _grow_requirement(branch, requirement, counts=statement.governs is True)


def _grow_requirement(tree: Tree, requirement: RequirementTrace, *, counts: bool) -> None:
    """Show a requirement; one that does not count, because its statement may not govern, asks for nothing."""
    marks = _MARKS if counts else _NEUTRAL
    if requirement.result is Result.MET and requirement.own.result is not Result.MET:
        marks = {**marks, Result.MET: _LIFTED}
    branch = _grow_condition(tree, requirement.own, "", whole=requirement.result, marks=marks)
    if counts and requirement.vote is not None:
        branch.label.append((f"  -> {requirement.vote}", VERDICT_STYLES[str(requirement.vote)]))
        if requirement.grace:
            end = requirement.cancels_from
            when = f"from {instant(end)} on" if end else "never: S3 does not report when it was suspended"
            branch.label.append((f", cancel {when}", "red" if end else "dim"))
    if counts and requirement.message and requirement.vote in (Verdict.CANCEL, Verdict.HOLD):
        branch.add([(printable(requirement.message), "italic")])
    for lift in requirement.lifts:
        _grow_lift(branch, lift, is_needed=requirement.own.result is not Result.MET)


def _grow_lift(tree: Tree, lift: LiftTrace, *, is_needed: bool) -> None:
    name = "unless" if lift.exception is None else f"exception {printable(lift.exception)}"
    result = lift.condition.result if is_needed else Result.VIOLATED
    lifted = _LIFTS[result] if is_needed else ": not needed"
    because = f" ({printable(lift.because)})" if lift.because else ""
    mark, style = (_MARKS if result is Result.MET else _NEUTRAL)[result]
    branch = tree.add([(f"{mark} ", style), f"{name}{lifted}{because}"])
    _grow_parts(branch, lift.condition.parts, _NEUTRAL)


def _grow_parts(tree: Tree, parts: Sequence[ConditionTrace], marks: _Marks) -> None:
    for part in parts:
        _grow_condition(tree, part, "", marks=marks)


def _grow_condition(
    tree: Tree, condition: ConditionTrace, prefix: str, *, whole: Result | None = None, marks: _Marks = _MARKS
) -> Tree:
    mark, style = marks[condition.result if whole is None else whole]
    label: list[Styled] = [(f"{mark} ", style), (prefix, "dim")]
    if condition.joined:
        label.append(f"{condition.joined} of")
        branch = tree.add(label)
        _grow_parts(branch, condition.parts, marks)
        return branch
    label.append(_line(condition))
    return tree.add(label)


def _line(check: ConditionTrace) -> str:
    """What a check came to; those without a value of the job's, in words of their own."""
    if check.kind == "manual_approval":
        if check.actual in ("given", "not given yet"):
            return f"manual approval {'required, ' if check.result is not Result.MET else ''}{check.actual}"
        return f"manual approval: {check.actual}, want {check.expected}"
    if check.kind == "expires":
        return f"valid {check.expected}" if check.result is Result.MET else f"expired, was valid {check.expected}"
    if check.named_window:
        return f"{printable(check.named_window)} is {check.actual}, want closed"
    return f"{check.subject} is {check.actual}, want {check.expected}"
