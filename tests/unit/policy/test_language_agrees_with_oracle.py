"""The evaluating core beside the independent reading of the language in tests/verification/oracle."""

import json
import os
from random import Random

import pytest

from batchgate.policy.canonical import canonical_json
from batchgate.policy.compile import compile_policies
from batchgate.policy.evaluate import evaluate_job
from batchgate.policy.reason import REASON_AT_MOST, status_update_reason
from batchgate.policy.validation import read_document
from tests.unit.strategies import facts_of
from tests.verification.oracle.language_oracle import evaluate
from tests.verification.oracle.random_cases import random_case
from tests.verification.oracle.random_documents import random_document

pytestmark = pytest.mark.slow

CASES_A_DOCUMENT = 4
DOCUMENTS = int(os.environ.get("ORACLE_DOCUMENTS", "150"))
"""Documents for each seed; `make oracle` runs the 100,000 cases."""


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
            facts = facts_of(case, document)
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
