"""Facts of a job whose manifest nobody read, as somebody states them."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from batchgate.jobs.manifest_contents import ManifestContents
from batchgate.jobs.model import Job
from batchgate.policy.budgets import Amounts, Budget, BudgetUse, account_of, period
from batchgate.policy.facts import NOT_READ, Gap, JobFacts, gather_facts


class StatedContents(Struct, frozen=True):
    """What somebody states of a manifest's contents; a gap for what they don't.

    Attributes:
        manifest_rows: Rows; as many as S3 counts tasks where only the rest is stated.
        rows_without_version: Those that name no version.
        source_buckets: The buckets of the rows.
        object_bytes: The sizes of the rows' objects added up.
    """

    manifest_rows: int | Gap = NOT_READ
    rows_without_version: int | Gap = NOT_READ
    source_buckets: Iterable[str] | Gap = NOT_READ
    object_bytes: int | Gap = NOT_READ


def gather_stated(job: Job, now: datetime, stated: StatedContents, **read: Any) -> JobFacts:  # noqa: ANN401 - arguments of gather_facts
    """Gather the facts as if the manifest had been read; what is not stated is as if it had not."""
    values: Mapping[str, Any] = {name: getattr(stated, name) for name in stated.__struct_fields__}
    known = {name: value for name, value in values.items() if not isinstance(value, Gap)}
    contents = ManifestContents(
        rows=known.get("manifest_rows", job.total_tasks or 0),
        rows_without_version=known.get("rows_without_version", 0),
        buckets=dict.fromkeys(known.get("source_buckets", ()), 1),
        object_bytes=known.get("object_bytes"),
    )
    missing = {
        name: getattr(gather_facts(job, now, contents=value), name)
        for name, value in values.items()
        if isinstance(value, Gap)
    }
    return replace(gather_facts(job, now, contents=contents, **read), **missing)


def with_used(
    facts: JobFacts, budgets: Iterable[Budget], used: Mapping[str, Amounts], otherwise: Amounts | Gap
) -> JobFacts:
    """The same facts, with so much used of the job's account of each budget, by its name, or else what is given."""
    uses: dict[str, BudgetUse | Gap] = {}
    for budget in budgets:
        account, stated = account_of(budget, facts), used.get(budget.name, otherwise)
        if isinstance(account, Gap):
            uses[budget.name] = account
        elif isinstance(stated, Gap):
            uses[budget.name] = stated
        else:
            uses[budget.name] = BudgetUse(account, period(budget, facts.now)[1], stated)
    return replace(facts, budgets=uses)
