"""The evaluating core beside the independent reading of the language in tests/oracle."""

import json
import os
from random import Random

import pytest

from batchgate.jobs.model import Job
from batchgate.policy.approvals import Approval
from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_policies
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.facts import Gap, JobFacts, Result, gather_facts
from batchgate.policy.reason import REASON_AT_MOST, status_update_reason
from batchgate.policy.validation import read_document
from tests.verification.oracle.language_oracle import evaluate
from tests.verification.oracle.random_cases import Case, random_case
from tests.verification.oracle.random_documents import random_document

pytestmark = pytest.mark.slow

CASES_A_DOCUMENT = 4
DOCUMENTS = int(os.environ.get("ORACLE_DOCUMENTS", "250"))
"""Documents for each seed; `make oracle` runs the 100,000 cases."""


def facts_of(case: Case) -> JobFacts:
    """The same job and the same measurements, as the evaluating core takes them."""

    def measured(value: object) -> Gap | None:
        gaps = {"unmeasurable": Result.UNMEASURABLE, "unknown": Result.UNKNOWN}
        return Gap(gaps[value], "as the case says") if isinstance(value, str) else None

    facts = case.facts
    buckets, tags = facts["source_buckets"], case.tags
    return gather_facts(
        Job.from_description(json.loads(json.dumps(case.job))),
        case.now,
        tags=measured(tags) or dict(tags),  # type: ignore[arg-type]
        manifest_bytes=measured(facts["manifest_bytes"]) or facts["manifest_bytes"],  # type: ignore[arg-type]
        source_buckets=measured(buckets) or buckets,
        object_bytes=measured(facts["object_bytes"]) or facts["object_bytes"],  # type: ignore[arg-type]
        approvals=[Approval(who, case.now, "", "") for who in facts["approvals"]],
        requester=measured("unmeasurable" if facts["requester"] == "unmeasurable" else None) or facts["requester"],
    )


@pytest.mark.parametrize("seed", range(4))
def test_verdict_until_and_governing_agree_on_random_documents_and_jobs(seed: int) -> None:
    """Two readings of one page that share no code say the same of every job."""
    rng = Random(seed)
    for _ in range(DOCUMENTS):
        document = random_document(rng)
        policies = compile_policies(document)
        canonical = compile_policies(json.loads(canonical_json(read_document(document))))
        assert canonical.version == policies.version
        for _ in range(CASES_A_DOCUMENT):
            case = random_case(rng, document)
            expected = evaluate(document, case.job, case.tags, case.now, **case.facts)
            facts = facts_of(case)
            decision = evaluate_job(policies, facts)
            said = (str(decision.verdict), decision.until, decision.cancels_at)
            assert said == (str(expected.verdict), expected.until, expected.cancels_at), (document, case)
            assert (str(decision.if_enforced) if policies.shadow else said[0]) == expected.if_enforced, (document, case)
            reason = status_update_reason(decision, "5f3a91c2")
            assert 1 <= len(reason) <= REASON_AT_MOST
            assert reason.isascii()
            assert reason.isprintable()
            again = evaluate_job(canonical, facts)
            assert (again.verdict, again.until) == (decision.verdict, decision.until)
            assert status_update_reason(again, "5f3a91c2") == reason
