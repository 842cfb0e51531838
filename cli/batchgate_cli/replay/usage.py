"""What the statements of a policy set were used for, over many jobs."""

from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, field

from batchgate.policy.compiled import Kind, PolicySet, Verdict
from batchgate.policy.evaluate import Decision


class RequirementUse(Struct):
    """One requirement over all jobs.

    Attributes:
        text: What it requires, in words.
        decided: Jobs whose verdict it asked for, at any time.
    """

    text: str
    decided: int = 0


class StatementUse(Struct):
    """One policy or guardrail over all jobs.

    Attributes:
        governed: Jobs that it governed.
        approved: Jobs that were approved with it governing; 0 for a guardrail.
        held: Jobs that it held at any time.
        cancelled: Jobs that it cancelled.
        requirements: By position.
    """

    name: str
    kind: Kind
    enforced: bool
    governed: int = 0
    approved: int = 0
    held: int = 0
    cancelled: int = 0
    requirements: list[RequirementUse] = field(default_factory=list)


class Usage:
    """Counts what each statement and each requirement did."""

    def __init__(self, policies: PolicySet) -> None:
        """Begin with nothing used."""
        self.policies = policies
        self.statements = {each.name: StatementUse(each.name, each.kind, each.enforced) for each in policies.statements}
        self.rules: Counter[str] = Counter()

    def count(self, decisions: Sequence[Decision]) -> None:
        """Count one job, by all decisions on it."""
        if not decisions:
            return
        self._describe(decisions[0])
        votes = [(each.verdict, vote) for each in decisions for vote in each.deciding]
        by_statement = [(verdict, vote.statement, vote) for verdict, vote in votes if vote.statement]
        for name in {statement.name for each in decisions for statement in each.governing}:
            self.statements[name].governed += 1
        for name in {statement.name for verdict, statement, _ in by_statement if verdict is not Verdict.CANCEL}:
            self.statements[name].held += 1
        for name in {statement.name for verdict, statement, _ in by_statement if verdict is Verdict.CANCEL}:
            self.statements[name].cancelled += 1
        decided = {(each.name, vote.requirement.position) for _, each, vote in by_statement if vote.requirement}
        for name, position in decided:
            self.statements[name].requirements[position].decided += 1
        self.rules.update({str(vote.rule) for _, vote in votes if vote.rule})
        last = decisions[-1]
        for statement in last.governing if last.verdict is Verdict.APPROVE else ():
            self.statements[statement.name].approved += statement.kind is Kind.POLICY

    def _describe(self, decision: Decision) -> None:
        """Have each requirement in words; made once, for they are the same for every job."""
        if any(each.requirements for each in self.statements.values()):
            return
        for statement in decision.trace:
            self.statements[statement.name].requirements = [
                RequirementUse(f"{each.own.subject} {each.expected}".strip()) for each in statement.requirements
            ]

    @property
    def never_used(self) -> list[StatementUse]:
        """The statements that govern no job."""
        return [each for each in self.statements.values() if not each.governed]

    @property
    def never_decided(self) -> list[tuple[StatementUse, RequirementUse]]:
        """The requirements of the others that no job was held or cancelled for."""
        return [
            (statement, requirement)
            for statement in self.statements.values()
            if statement.governed
            for requirement in statement.requirements
            if not requirement.decided
        ]
