"""What Hypothesis draws from for the tests of the evaluating core; documents and cases come from tests/oracle."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from batchgate.jobs.model import AsksForConfirmation, Job, JobRef, JobStatus, Json
from batchgate.policy.approvals import Approval
from batchgate.policy.budgets import Amounts, BudgetAccount, BudgetUse, account_of, period
from batchgate.policy.compile import compile_policies
from batchgate.policy.costs import units
from batchgate.policy.facts import Gap, JobFacts, Result
from batchgate_cli.authoring.stated_facts import StatedContents, gather_stated
from tests.unit.examples import Written
from tests.verification.oracle.plain import Unavailable
from tests.verification.oracle.pools import BUDGETS
from tests.verification.oracle.random_cases import Case, random_case
from tests.verification.oracle.random_documents import LISTS, Dialect, Writer, random_document

RICH_DIALECT = Dialect(present_anywhere=True)
"""What the language takes, also by a reading of it; `not` around structures comes with a second `not` inside."""

any_text = st.text(st.characters(), max_size=60)
"""Unicode without an end: control characters, astral planes, lone surrogates."""

yaml_text = st.text(st.characters(codec="utf-8"), max_size=60)
"""Unicode that can be written into a file."""

aware_datetimes = st.datetimes(timezones=st.just(UTC))

json_values: st.SearchStrategy[Json] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(min_value=10**30, max_value=10**40)
    | st.floats()
    | any_text
    | st.datetimes(timezones=st.sampled_from([None, UTC])),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(any_text, inner, max_size=4),
    max_leaves=12,
)

gaps = st.builds(Gap, st.sampled_from([Result.UNKNOWN, Result.UNMEASURABLE]), st.just("as the test says"))

job_refs = st.builds(
    JobRef,
    partition=st.sampled_from(["aws", "aws-cn", "aws-us-gov", "aws-iso-b"]),
    region=st.from_regex(r"[a-z]{2}(-gov)?-[a-z]{4,9}-[0-9]", fullmatch=True),
    account_id=st.from_regex(r"[0-9]{12}", fullmatch=True),
    job_id=st.from_regex(r"[a-zA-Z0-9_-]{5,36}", fullmatch=True),
)

operation_names = st.sampled_from(
    ["LambdaInvoke", "S3PutObjectCopy", "S3InitiateRestoreObject", "S3PutObjectRetention", "S3NewOperation"]
)


callers = st.sampled_from(
    [
        "arn:aws:sts::111122223333:assumed-role/lake-oncall/ana",
        "arn:aws:sts::111122223333:assumed-role/lake-oncall/ben",
        "arn:aws:sts::111122223333:assumed-role/prod-owner/ana",
        "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ana",
        "arn:aws:sts::444455556666:assumed-role/AWSReservedSSO_Dev_fedcba9876543210/ana",
        "arn:aws:sts::111122223333:assumed-role/AWSReservedSSO_Admin_0123456789abcdef/ben",
        "arn:aws:sts::111122223333:federated-user/cem",
        "arn:aws:iam::111122223333:user/staff/dea",
        "arn:aws:iam::111122223333:root",
    ]
)


def approvals() -> st.SearchStrategy[Approval]:
    """Draw one approval, of a person that may be the same as another, or of a caller as there is none."""
    return st.builds(Approval, who=callers | any_text, at=aware_datetimes, reason=any_text, digest=any_text)


@st.composite
def wild_facts(draw: st.DrawFn) -> JobFacts:
    """Draw facts as no S3 would say them: any JSON for parameters, any text for text, any number, any instant."""
    texts = st.none() | any_text
    now = draw(aware_datetimes)
    latest = min(now, datetime.max.replace(tzinfo=UTC) - timedelta(days=400)) + timedelta(days=400)
    return JobFacts(
        ref=draw(job_refs),
        status=draw(st.sampled_from(JobStatus)),
        asks_for_confirmation=draw(st.sampled_from(AsksForConfirmation)),
        operation=draw(operation_names | any_text | gaps),
        parameters=draw(st.dictionaries(any_text, json_values, max_size=4) | known_parameters()),
        total_tasks=draw(st.integers() | gaps),
        tags=draw(st.dictionaries(st.sampled_from(["ticket", "urgent", "team"]) | any_text, any_text) | gaps),
        source_buckets=draw(st.frozensets(any_text | gaps, max_size=5) | gaps),
        destination_buckets=draw(st.frozensets(any_text | gaps, max_size=5) | gaps),
        manifest={
            name: draw(st.none() | st.booleans() if name in ("generated", "stored") else texts | gaps)
            for name in ("format", "bucket", "key", "version", "generated", "stored")
        },
        manifest_bytes=draw(st.integers() | gaps),
        manifest_rows=draw(st.integers() | gaps),
        rows_without_version=draw(st.integers() | gaps),
        object_bytes=draw(st.integers() | gaps),
        generator=draw(st.none() | gaps | st.dictionaries(any_text, json_values, max_size=4) | known_members()),
        role=draw(texts),
        priority=draw(st.none() | st.integers()),
        description=draw(texts),
        report=draw(
            st.none()
            | st.fixed_dictionaries(
                {
                    "enabled": st.none() | st.booleans(),
                    "scope": texts,
                    "bucket": texts | gaps,
                    "prefix": texts,
                    "format": texts,
                    "expected_bucket_owner": texts,
                }
            )
        ),
        created=draw(st.none() | aware_datetimes),
        suspended_since=draw(st.none() | st.datetimes(max_value=latest.replace(tzinfo=None), timezones=st.just(UTC))),
        suspended_date=draw(st.none() | aware_datetimes),
        now=now,
        approvals=draw(st.lists(approvals(), max_size=4).map(tuple)),
        requester=draw(gaps | callers | any_text),
        budgets=draw(st.dictionaries(st.sampled_from(BUDGETS), gaps | uses(), max_size=3)),
    )


def uses() -> st.SearchStrategy[BudgetUse]:
    """Draw how much is used of an account, whosever it is."""
    account = st.builds(BudgetAccount, st.sampled_from(BUDGETS), any_text, aware_datetimes)
    amounts = st.builds(Amounts, st.integers(), st.integers(), st.integers(), st.integers())
    return st.builds(BudgetUse, account, aware_datetimes, amounts, st.booleans())


def known_parameters() -> st.SearchStrategy[dict[str, Json]]:
    """Draw any JSON under names that the pools' documents ask for."""
    names = ["FunctionArn", "UserArguments", "ExpirationInDays", "Retention", "BypassGovernanceRetention", "TagSet"]
    return st.dictionaries(st.sampled_from(names), json_values, max_size=4)


def known_members() -> st.SearchStrategy[dict[str, Json]]:
    """Draw any JSON under names of a generator's members."""
    return st.dictionaries(st.sampled_from(["ExpectedBucketOwner", "SourceBucket", "Filter"]), json_values, max_size=3)


def facts_of(case: Case, written: Written, **members: Json) -> JobFacts:
    """Gather the facts of an oracle's case and its document, with members of the job's description replaced."""
    measured = case.facts
    tags: Mapping[str, str] | Gap = _gap(case.tags) if isinstance(case.tags, str) else dict(case.tags)
    buckets = measured["source_buckets"]
    facts = gather_stated(
        Job.from_description({**json.loads(json.dumps(case.job)), **members}),
        case.now,
        StatedContents(
            manifest_rows=_number(measured["manifest_rows"]),
            rows_without_version=_number(measured["rows_without_version"]),
            source_buckets=_gap(buckets) if isinstance(buckets, str) else buckets,
            object_bytes=_number(measured["object_bytes"]),
        ),
        tags=tags,
        manifest_bytes=_number(measured["manifest_bytes"]),
        approvals=[Approval(who, case.now, "", "") for who in measured["approvals"]],
        requester=_gap(measured["requester"]) if measured["requester"] == "unmeasurable" else measured["requester"],
    )
    return with_use(facts, written, {name: _amounts(used) for name, used in measured["budgets_used"].items()})


def _amounts(used: Mapping[str, int | float]) -> Amounts:
    return Amounts(
        **{name: units(Decimal(str(amount))) if name == "cost" else int(amount) for name, amount in used.items()}
    )


def with_use(facts: JobFacts, written: Written, used: Mapping[str, Amounts]) -> JobFacts:
    """The same facts with so much used of the job's account of each budget of a document."""
    budgets = written.get("budgets", [])
    require = [{"budget": budget["name"]} for budget in budgets]
    uses: dict[str, BudgetUse | Gap] = {}
    for budget in (
        compile_policies({"version": 1, "budgets": budgets, "guardrails": [{"name": "-", "require": require}]}).budgets
        if budgets
        else ()
    ):
        account, (_, end) = account_of(budget, facts), period(budget, facts.now)
        uses[budget.name] = account if isinstance(account, Gap) else BudgetUse(account, end, used[budget.name])
    return replace(facts, budgets=uses)


def _number(value: int | Unavailable) -> int | Gap:
    return _gap(value) if isinstance(value, str) else value


def _gap(value: str) -> Gap:
    return Gap(Result[value.upper()], "as the case says")


def written_with_all_lists(rng: Random, dialect: Dialect = RICH_DIALECT) -> Written:
    """Make a random document that defines every list, so that statements can be added to it."""
    written: Any = random_document(rng, dialect)
    return {**written, "lists": dict(LISTS)}


def random_statement(rng: Random, written: Written, name: str, *, approving: bool) -> Written:
    """Make one more statement for a document, over the calendars that it has."""
    writer = Writer(rng, RICH_DIALECT, sorted(written.get("calendars", {})))
    writer.budgets = tuple(budget["name"] for budget in written.get("budgets", ()))
    return writer.statement(name, approving=approving)


def random_exception(rng: Random, written: Written, name: str) -> Written:
    """Make an exception that lifts one or two of the document's statements."""
    names = tuple(each["name"] for key in ("policies", "guardrails") for each in written.get(key, ()))
    writer = Writer(rng, RICH_DIALECT, sorted(written.get("calendars", {})))
    return {**writer.exception(0, names), "name": name}


def random_facts(rng: Random, written: Written) -> JobFacts:
    """Make facts with an eye on the document."""
    return facts_of(random_case(rng, written), written)


def randoms() -> st.SearchStrategy[Random]:
    """Draw a source of randomness that Hypothesis records and shrinks."""
    return st.randoms(use_true_random=False)
