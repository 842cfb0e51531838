"""Who evaluates: batchgate and its peers, each given the same policies, each in its fastest idiomatic way.

Everything that depends on the policies alone is parsed and compiled beforehand. Peers answer the simpler question
(which policies does the job satisfy wholly?); batchgate answers with its verdict and its reason in words, and beside
that with the whole trace.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Protocol

import cel
from c7n.config import Config
from c7n.policy import Policy, PolicyCollection
from c7n.resources import load_resources

from batchgate.jobs.model import Job
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import Verdict
from batchgate.policy.evaluate import Decision, evaluate_job
from batchgate.policy.facts import JobFacts, gather_facts
from batchgate.policy.reason import status_update_reason
from batchgate.policy.trace import StatementTrace
from benchmarks.evaluation_workloads import BenchedJob, BenchedPolicy, Workload

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT = "111122223333"


class Engine(Protocol):
    """One way to evaluate a job by a workload's policies."""

    def decision_on(self, job: BenchedJob) -> Callable[[], object]:
        """One whole decision, ready to be timed; the job is in the form that the engine takes."""

    def satisfied_by(self, job: BenchedJob) -> set[str]:
        """The names of the policies all of whose four checks the job meets, by one such decision."""


class Batchgate:
    """The verdict and the reason that is written on the job."""

    def __init__(self, workload: Workload) -> None:
        self._policies = compile_policies({"version": 1, "policies": [_document(each) for each in workload.policies]})

    def decision_on(self, job: BenchedJob) -> Callable[[], tuple[Decision, str]]:
        """Verdict and reason."""
        policies, facts = self._policies, _facts(job)

        def decide_with_reason() -> tuple[Decision, str]:
            decision = evaluate_job(policies, facts)
            return decision, status_update_reason(decision)

        return decide_with_reason

    def satisfied_by(self, job: BenchedJob) -> set[str]:
        """Those that govern and do not object; the verdict must say the same."""
        decision, reason = self.decision_on(job)()
        objecting = {vote.statement.name for vote in decision.votes if vote.statement}
        governing = {statement.name for statement in decision.governing}
        approves = bool(governing) and not objecting
        assert (decision.verdict is Verdict.APPROVE) is approves is reason.startswith("batchgate: approved")
        return governing - objecting


class BatchgateTraced(Batchgate):
    """The same, and every row of the trace made and read."""

    def decision_on(self, job: BenchedJob) -> Callable[[], tuple[Decision, str]]:
        """Verdict and reason, then the trace."""
        plain = super().decision_on(job)

        def decide_with_trace() -> tuple[Decision, str]:
            decision, reason = plain()
            read_trace(decision)
            return decision, reason

        return decide_with_trace

    def satisfied_by(self, job: BenchedJob) -> set[str]:
        """Those whose traces say so; the votes must say the same."""
        decision, _ = self.decision_on(job)()
        by_trace = {statement.name for statement in decision.trace if statement.governs and _approves(statement)}
        assert by_trace == super().satisfied_by(job)
        return by_trace


def read_trace(decision: Decision) -> None:
    """Read what each statement and each of its requirements came to, with actual and expected."""
    for statement in decision.trace:
        _governs, _vote = statement.governs, statement.vote
        for requirement in statement.requirements:
            _result, _actual, _expected = requirement.result, requirement.actual, requirement.expected


def _approves(statement: StatementTrace) -> bool:
    return all(requirement.vote is None for requirement in statement.requirements)


class CommonExpressionLanguage:
    """CEL in Rust: one program a policy, one context a decision.

    One context for all programs costs a tenth of handing each the variables anew; one program for the whole set is
    no faster. A prefix is asked for with startsWith, because `matches` compiles its expression at every call.
    """

    def __init__(self, workload: Workload) -> None:
        self._programs = [(policy.name, cel.compile(_expression(policy))) for policy in workload.policies]

    def decision_on(self, job: BenchedJob) -> Callable[[], list[str]]:
        """The satisfied policies; variables become CEL's values once a decision."""
        programs, make_context = self._programs, cel.Context
        variables = {
            "operation": job.operation,
            "region": job.region,
            "tags": dict(job.tags),
            "total_tasks": job.total_tasks,
        }

        def evaluate() -> list[str]:
            context = make_context(variables)
            return [name for name, program in programs if program.execute(context)]

        return evaluate

    def satisfied_by(self, job: BenchedJob) -> set[str]:
        """What evaluation answers."""
        return set(self.decision_on(job)())


class Custodian:
    """Cloud Custodian as it runs: each policy's resource manager filters the resource."""

    def __init__(self, workload: Workload) -> None:
        self._policies = _custodian_policies(workload.policies)

    def decision_on(self, job: BenchedJob) -> Callable[[], list[str]]:
        """The satisfied policies. Each gets its own copy of the resource, because filters write on it."""
        managers = [(policy.name, policy.resource_manager) for policy in self._policies]
        resource = _resource(job)

        def filter_resource() -> list[str]:
            return [name for name, manager in managers if manager.filter_resources([resource.copy()])]

        return filter_resource

    def satisfied_by(self, job: BenchedJob) -> set[str]:
        """What is left in a policy's hands satisfies it."""
        return set(self.decision_on(job)())


class CustodianFilters(Custodian):
    """Custodian's filters alone, called one by one, without what Custodian does around them."""

    def decision_on(self, job: BenchedJob) -> Callable[[], list[str]]:
        """The satisfied policies."""
        filters = [(policy.name, policy.resource_manager.filters) for policy in self._policies]
        resource = _resource(job)

        def call_filters() -> list[str]:
            satisfied = []
            for name, checks in filters:
                own = resource.copy()
                for check in checks:
                    if not check(own):
                        break
                else:
                    satisfied.append(name)
            return satisfied

        return call_filters


# --- the same policy and the same job in each engine's words --------------------------------------


def _document(policy: BenchedPolicy) -> dict[str, object]:
    key, pattern = policy.tag
    return {
        "name": policy.name,
        "match": [{"operation": list(policy.operations)}, {"region": list(policy.regions)}],
        "require": [{"tags": {key: pattern}}, {"total_tasks": {"at_most": policy.at_most}}],
    }


def _facts(job: BenchedJob) -> JobFacts:
    description = Job.from_description(
        {
            "JobArn": f"arn:aws:s3:{job.region}:{ACCOUNT}:job/00000000-0000-4000-8000-000000000001",
            "Status": "Suspended",
            "ConfirmationRequired": True,
            "Operation": {job.operation: {}},
            "ProgressSummary": {"TotalNumberOfTasks": job.total_tasks},
        }
    )
    return gather_facts(description, NOW, tags=job.tags)


def _expression(policy: BenchedPolicy) -> str:
    key, pattern = policy.tag
    regions = " || ".join(_prefixed("region", each) for each in policy.regions)
    return " && ".join(
        [
            f"operation in [{', '.join(map(_literal, policy.operations))}]",
            f"({regions})",
            _prefixed(f"tags[{_literal(key)}]", pattern),
            f"total_tasks <= {policy.at_most}",
        ]
    )


def _prefixed(subject: str, pattern: str) -> str:
    if not pattern.endswith("*"):
        return f"{subject} == {_literal(pattern)}"
    return f"{subject}.startsWith({_literal(pattern[:-1])})"


def _literal(text: str) -> str:
    return f"'{text}'"


def _custodian_policies(policies: tuple[BenchedPolicy, ...]) -> list[Policy]:
    """Loaded as Custodian loads a file; of any resource, because these filters look at nothing of its kind."""
    load_resources(("aws.s3",))
    options = Config.empty(account_id=ACCOUNT, region="eu-central-1", regions=["eu-central-1"], cache=None)
    written = [{"name": each.name, "resource": "aws.s3", "filters": _filters(each)} for each in policies]
    loaded = list(PolicyCollection.from_data({"policies": written}, options))
    for policy in loaded:
        for check in policy.resource_manager.filters:
            check.validate()
    return loaded


def _filters(policy: BenchedPolicy) -> list[Mapping[str, object]]:
    key, pattern = policy.tag
    regions = [_value_filter("Region", each) for each in policy.regions]
    return [
        {"type": "value", "key": "Operation", "op": "in", "value": list(policy.operations)},
        regions[0] if len(regions) == 1 else {"or": regions},
        _value_filter(f"tag:{key}", pattern),
        {"type": "value", "key": "TotalTasks", "op": "lte", "value": policy.at_most},
    ]


def _value_filter(key: str, pattern: str) -> Mapping[str, object]:
    return {"type": "value", "key": key, "op": "glob" if "*" in pattern else "eq", "value": pattern}


def _resource(job: BenchedJob) -> dict[str, object]:
    return {
        "Name": "00000000-0000-4000-8000-000000000001",
        "Operation": job.operation,
        "Region": job.region,
        "Tags": [{"Key": key, "Value": value} for key, value in job.tags.items()],
        "TotalTasks": job.total_tasks,
    }
