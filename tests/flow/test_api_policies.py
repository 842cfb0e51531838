"""GET /policies/{version}: the policies that a decision names, as they were."""

import json
from hashlib import sha256

import pytest

from tests.flow.test_api import Api, api

__all__ = ["api"]


def test_the_policies_of_a_decision_are_shown(api: Api) -> None:
    """By the version that its job's state names; in the form whose hash it is."""
    ref = api.held_job()
    version = api.get(f"/jobs/{ref.job_id}")["state"]["policy_version"]
    found = api.get(f"/policies/{version}")
    assert found["version"] == version
    text = json.dumps(found["document"], sort_keys=True, separators=(",", ":")).encode()
    assert sha256(text).hexdigest()[:12] == version
    assert found["document"]["approvals"]["at_least"] == 2


@pytest.mark.parametrize(
    ("version", "status"),
    [("0123456789ab", 404), ("0123456789AB", 422), ("0123456789a", 422), ("0123456789abc", 422), ("latest", 422)],
)
def test_what_is_no_version_or_is_not_kept_is_a_problem(api: Api, version: str, status: int) -> None:
    """An export writes down what is not kept; everything else is an error."""
    found, problem = api.ask("GET", f"/policies/{version}")
    assert (found, problem["status"]) == (status, status)
    assert api.ask("GET", "/policies/0123456789ab?at=now")[0] == 422
