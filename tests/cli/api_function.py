"""The gate's real API function behind the tests' gateway, in this process, on a gate's table and an emulated S3."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any, cast

import pytest

from batchgate.aws import wiring
from batchgate.contract import Variable
from batchgate.handlers.api import handler
from batchgate_cli.authoring import policy_file
from tests.cli.api_front import Answer, Front, Request, serving
from tests.cli.live import PERSON, LiveStage
from tests.flow.deployed import Context
from tests.flow.stage import ACCOUNT, REGION

_one_at_a_time = Lock()
"""As Lambda has it: an instance answers one request at a time."""

_MADE = [each for each in vars(wiring).values() if hasattr(each, "cache_clear")]


def function(request: Request) -> Answer:
    """What the function answers. *Source*: API Gateway Developer Guide, payload format 2.0."""
    query = "&".join(f"{name}={value}" for name, values in request.query.items() for value in values)
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{request.method} {request.path}",
        "rawPath": request.path,
        "rawQueryString": query,
        "headers": dict(request.headers),
        "requestContext": {
            "accountId": ACCOUNT,
            "http": {"method": request.method, "path": request.path, "sourceIp": "192.0.2.1"},
            "requestId": "JKJaXmPLvHcESHA=",
            "stage": "$default",
            "authorizer": {"iam": {"accountId": ACCOUNT, "userArn": request.caller}},
        },
        "isBase64Encoded": False,
        **({"body": request.body.decode()} if request.body else {}),
    }
    with _one_at_a_time:
        answer = handler(event, cast("Any", Context()))
    headers = dict(answer["headers"])
    is_problem = headers.pop("Content-Type", "") == "application/problem+json"
    return Answer(answer["statusCode"], answer["body"].encode(), headers, is_problem)


@contextmanager
def serving_function(live: LiveStage, policy: str, tmp_path: Path, **deployed: Any) -> Iterator[Front]:
    """Deploy the function with policies; the parameter names it, and whatever else is given."""
    document = policy_file.load_text(policy)
    packaged = tmp_path / "policy.json"
    packaged.write_bytes(document.canonical_json)
    live.stage.enforce(policy)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(Variable.LEDGER_TABLE, live.ledger.table)
        environment.setenv(Variable.POLICY_FILE, str(packaged))
        _forget()
        try:
            with serving(Front(function, REGION, {ACCOUNT: PERSON})) as front:
                live.api_url = front.url
                live.deploy(**deployed)
                yield front
        finally:
            _forget()


def _forget() -> None:
    """A new instance: nothing is made yet."""
    for made in _MADE:
        made.cache_clear()
