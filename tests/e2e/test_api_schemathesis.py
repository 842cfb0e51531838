"""schemathesis asks the deployed API for what docs/openapi.yaml describes, and for what it does not."""

from http import HTTPStatus
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from batchgate.contract import API_ROUTES
from tests.api_description import description
from tests.e2e.deployed_gate import PATIENCE_SECONDS, DeployedGate
from tests.e2e.signed import OWNER, Person

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES = 12
"""Of each operation, valid and invalid: seconds for all."""

TRIES = 3
"""Of a request that is answered with 503: "try again" is what it says, and a busy machine's local AWS is late."""


class Signed(AuthBase):
    """Signs whatever schemathesis sends, as somebody to whom nothing is refused."""

    def __init__(self, person: Person) -> None:
        self.person = person

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """With the body and query as they are; a plus would be a space to one side and a plus to the other."""
        assert request.url is not None
        request.url = request.url.replace("+", "%20")
        target = request.url.removeprefix(self.person.url)
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        sent = self.person.signed(str(request.method), target, body)
        assert sent.url == request.url
        request.headers.update(sent.headers)
        return request


@pytest.fixture(scope="module")
def session(gate: DeployedGate) -> Any:
    """Requests of the account's owner. What they pause is resumed after the tests."""
    owner = Person(gate.outputs["ApiUrl"], OWNER)
    made = requests.Session()
    made.auth = Signed(owner)
    yield made
    found = owner.ask("GET", "/pause")[1]
    if found["paused"]:
        owner.ask("DELETE", "/pause", added={"If-Match": found["etag"]})
    made.close()


@pytest.fixture(scope="module")
def held(gate: DeployedGate) -> str:
    """A job that is held."""
    job_id = gate.create_job("S3PutObjectLegalHold", 2)
    assert gate.decided(job_id)["phase"] == "held"
    return job_id


UNSIGNED = {name: each for name, each in description().items() if name != "security"}
"""Without the signature, which is over all that schemathesis makes up."""

OPERATIONS = {
    found.ok().label: found.ok()
    for found in schemathesis.openapi.from_dict(UNSIGNED).get_all_operations()
    if isinstance(found, Ok)
}
CASES = [
    pytest.param(label, mode, id=f"{label} {mode.value}")
    for label, operation in OPERATIONS.items()
    for mode in GenerationMode
    if mode is GenerationMode.POSITIVE or [*operation.iter_parameters()] or len(operation.body)
]


def test_every_route_is_asked() -> None:
    """Or else the test below would leave one out; those that take anything are asked for what they do not take."""
    assert {*OPERATIONS} == {f"{method} {path}" for method, path in API_ROUTES}
    assert len(CASES) == 2 * len(OPERATIONS) - 2


@pytest.mark.parametrize(("label", "mode"), CASES)
def test_every_answer_conforms(gate: DeployedGate, session: Any, held: str, label: str, mode: GenerationMode) -> None:
    """What is described is answered as described; what is not is refused, and never is an error of the gate."""
    operation = OPERATIONS[label]
    named: list[dict[str, Any] | None] = [None, {"id": held}] if "{id}" in label else [None]
    cases = st.one_of([operation.as_strategy(mode, path_parameters=each) for each in named])
    answered: list[int] = []

    def answer_to(case: Any) -> Any:
        tries = (
            case.call(base_url=gate.outputs["ApiUrl"], session=session, timeout=PATIENCE_SECONDS) for _ in range(TRIES)
        )
        answer = next(tries)
        while answer.status_code == HTTPStatus.SERVICE_UNAVAILABLE and (again := next(tries, None)) is not None:
            answer = again
        return answer

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        derandomize=True,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=[*HealthCheck],
    )
    @given(case=cases)
    def ask(case: Any) -> None:
        answer = answer_to(case)
        assert answer.status_code != 403, answer.content  # signed, and allowed
        case.validate_response(answer, checks=CHECKS)
        answered.append(answer.status_code)

    ask()
    assert answered
    assert mode is GenerationMode.NEGATIVE or min(answered) < 300 or "{" in label or "delete" in label.lower()
