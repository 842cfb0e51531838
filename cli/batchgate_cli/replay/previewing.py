"""Where a preview's jobs and policies are from: the gate's API, and S3's listing."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final

from msgspec import Struct

from batchgate.aws.answers import only_answers
from batchgate.aws.manifests import StoredManifests
from batchgate.aws.s3control import CONFIG, S3Control
from batchgate.aws.wiring import SystemClock
from batchgate.errors import GateError, JobsApiDeniedError, PolicyError
from batchgate.jobs.model import JobRef, JobStatus
from batchgate.policy.amounts import Amounts, BudgetAccount
from batchgate.policy.compile import compile_policies
from batchgate.policy.compiled import PolicySet
from batchgate.policy.costs import units
from batchgate_cli.operating.api_client import GateApi, decoded, find_api
from batchgate_cli.operating.api_documents import BudgetAccount as ListedAccount
from batchgate_cli.operating.api_documents import GateStatus
from batchgate_cli.operating.aws_errors import aws_errors
from batchgate_cli.operating.aws_session import open_session
from batchgate_cli.operating.options import ApiOptions, GateAccessError, GateOptions
from batchgate_cli.replay.comparison import Replay
from batchgate_cli.replay.preview import Gate, preview
from batchgate_cli.replay.waiting import Size, waiting_jobs

_PAGE: Final = 500


class Previewed(Struct, frozen=True):
    """A preview, what it is compared with, and what to know of both.

    Attributes:
        notes: What could not be asked, in words.
    """

    found: Replay
    gate: Gate
    notes: list[str]


def preview_of(options: GateOptions, policies: PolicySet) -> Previewed:
    """Decide every job that waits now by a policy set.

    Raises:
        GateAccessError: No credentials, no Region, no gate there, its API can't be reached, or AWS refused.
    """
    api = find_api(ApiOptions(profile=options.profile, region=options.region))
    status = decoded(api.get("/status"), GateStatus)
    notes: list[str] = [status.warning] if status.warning else []
    in_force = _in_force(api, status.policy_version)
    gate = Gate(in_force, status.since, _used(api, policies, in_force, notes))
    if status.policy_version is None and (status.problem or "") not in (status.warning or ""):
        notes.append(f"why there are none: {status.problem}")
    with aws_errors():
        session = open_session(options.profile, options.region)
        client = session.client("s3control", config=CONFIG)
        only_answers(client.meta.events)
        account_id = session.client("sts", config=CONFIG).get_caller_identity()["Account"]
        listed = _listed(S3Control(client, SystemClock()), account_id, notes)
        sets = [policies, *([gate.in_force] if gate.in_force else [])]
        asks_for_size = any(each.asks_for("manifest.bytes") for each in sets)
        size: Size | None = StoredManifests(session.client("s3", config=CONFIG)).size if asks_for_size else None
    jobs = waiting_jobs(api, listed, _now, size)
    source = f"the jobs that wait in account {account_id} in {client.meta.region_name}"
    return Previewed(preview(jobs, policies, gate, source), gate, notes)


def _now() -> datetime:
    return SystemClock().now()


def _in_force(api: GateApi, version: str | None) -> PolicySet | None:
    """The policies that the gate decides by.

    Raises:
        GateAccessError: Their document is not kept, or this version can't read it.
    """
    if version is None:
        return None
    document = api.get(f"/policies/{version}")["document"]
    try:
        return compile_policies(document)
    except PolicyError as error:
        raise GateAccessError(
            f"this version of batchgate can't read the policies in force, version {version}; use the deployed version "
            f"of batchgate: {error}"
        ) from error


def _used(
    api: GateApi, policies: PolicySet, in_force: PolicySet | None, notes: list[str]
) -> Mapping[BudgetAccount, Amounts] | None:
    """What is used and reserved of the budgets in force; None where that could not be asked.

    The API lists those only. Of others there may be counts if they were in force in this period before; none count.
    """
    known = in_force.budgets if in_force is not None else ()
    same = {(each.name, each.per, each.zone, each.each, each.tag) for each in known}
    new = [each.name for each in policies.budgets if (each.name, each.per, each.zone, each.each, each.tag) not in same]
    if new:
        named = ", ".join(new)
        notes.append(f"these budgets are not in force yet, so their use is not known and counts as zero: {named}")
    if not known:
        return {}
    try:
        accounts = [
            decoded(each, ListedAccount)
            for page in api.pages("/budgets", "budgets", limit=_PAGE)
            for each in page["budgets"]
        ]
    except GateError as error:
        notes.append(f"the gate's API did not return what is used of budgets: {error}")
        return None
    return {
        BudgetAccount(each.budget, each.account, each.period_start): _amounts(each.used) + _amounts(each.reserved)
        for each in accounts
    }


def _amounts(shown: Mapping[str, int | str]) -> Amounts:
    counts = {name: int(amount) for name, amount in shown.items() if name != "cost"}
    return Amounts(**counts, cost=units(Decimal(shown.get("cost", 0))))


def _listed(jobs: S3Control, account_id: str, notes: list[str]) -> list[JobRef]:
    """The Suspended jobs that S3 lists; of those that no review has seen, the ledger has nothing."""
    try:
        return [each.ref for each in jobs.list_jobs(account_id, (JobStatus.SUSPENDED,))]
    except JobsApiDeniedError:
        notes.append(
            "these credentials may not list jobs (s3:ListJobs), so jobs that the gate has not reviewed yet are missing"
        )
    except GateError as error:
        notes.append(f"S3 could not list jobs, so those that the gate has not reviewed yet are missing: {error}")
    return []
