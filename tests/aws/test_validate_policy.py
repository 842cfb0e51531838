"""AppConfig's validator refuses what the gate would refuse, and accepts what the gate would evaluate."""

import base64
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from logging import StreamHandler
from typing import Any, cast

import pytest
from aws_lambda_powertools.utilities.typing import LambdaContext

from batchgate.errors import PolicyError
from batchgate.handlers.validate_policy import handler, logger
from infra.packaging import load_policies
from infra.settings import Settings
from tests.aws.stubbed import document
from tests.aws.test_appconfig_policy import NOT_A_POLICY


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda hands to a handler, as far as anybody looks."""

    invoked_function_arn: str = "arn:aws:lambda:eu-central-1:111122223333:function:batchgate-validate"
    function_name: str = "batchgate-validate"
    memory_limit_in_mb: int = 512
    aws_request_id: str = "8f507cfc-xmpl-4697-b07a-ac58fc914c95"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the function logs."""
    lines = io.StringIO()
    where = cast("StreamHandler[Any]", logger.registered_handler)
    before = where.setStream(lines)
    yield lines
    if before is not None:
        where.setStream(before)


def ask(content: bytes) -> None:
    """Ask as AppConfig does. *Source*: AppConfig User Guide, "Understanding validators"."""
    event: dict[str, Any] = {
        "applicationId": "app1234",
        "configurationProfileId": "prof123",
        "configurationVersion": "7",
        "content": base64.b64encode(content).decode(),
        "uri": "hosted",
    }
    handler(event, cast("LambdaContext", Context()))


@pytest.mark.parametrize("content", [document(1), load_policies(Settings()).canonical_json], ids=["small", "deployed"])
def test_what_the_gate_can_evaluate_by_may_go_live(content: bytes, log: io.StringIO) -> None:
    """And its version is logged, to be found again in decisions."""
    ask(content)
    line = json.loads(log.getvalue().splitlines()[-1])
    assert line["message"] == "policy may go live"
    assert len(line["policy_version"]) == 12


@pytest.mark.parametrize("content", NOT_A_POLICY, ids=range(len(NOT_A_POLICY)))
def test_what_the_gate_would_refuse_may_not(content: bytes) -> None:
    """Raising is how a validator says no."""
    with pytest.raises(PolicyError):
        ask(content)


def test_the_problems_are_told(log: io.StringIO) -> None:
    """In the error, which AppConfig hands on, and in the log, in printable characters."""
    bad = document(1).replace(b'"at_most"', b'"at_m\\u001b[2Jost"')
    with pytest.raises(PolicyError, match=r"policies\[0\]\.require\[0\]\.total_tasks"):
        ask(bad)
    line = log.getvalue().splitlines()[-1]
    assert line.isprintable()
    assert "policies[0].require[0].total_tasks" in json.loads(line)["problems"][0]


def test_an_event_of_another_shape_is_no_leave() -> None:
    """Whatever goes wrong, nothing goes live."""
    with pytest.raises(KeyError):
        handler({}, cast("LambdaContext", Context()))
    with pytest.raises(ValueError, match="base64"):
        handler({"content": "e30="[:-1] + "\n!"}, cast("LambdaContext", Context()))
