"""The local AWS passes a request on to a route with IAM authorization if it is signed, and IAM allows the route."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from botocore.credentials import Credentials

from batchgate_cli.local.services import ACCOUNT, REGION, LocalServices, running_services
from tests.cli.local.function_code import zipped
from tests.e2e.deployed_gate import client_of
from tests.e2e.signed import OWNER, Person

JSON = {"Content-Type": "application/json"}

ECHO = """
import json
def handler(event, context):
    caller = event["requestContext"].get("authorizer", {}).get("iam", {})
    return {"statusCode": 200, "body": json.dumps({"who": caller.get("userArn"), "body": event.get("body")})}
"""


@pytest.fixture(scope="module")
def services() -> Iterator[LocalServices]:
    """A local AWS that enforces nothing, as `batchgate local up` serves it."""
    with running_services() as started:
        yield started


@pytest.fixture(scope="module")
def url(services: LocalServices) -> str:
    """An API with a route that takes IAM authorization, and one that takes none."""
    functions, apis = client_of(services, "lambda"), client_of(services, "apigatewayv2")
    role = f"arn:aws:iam::{ACCOUNT}:role/echo"
    code = {"ZipFile": zipped(ECHO)}
    made = functions.create_function(
        FunctionName="echo", Runtime="python3.13", Role=role, Handler="index.handler", Code=code
    )
    api = apis.create_api(Name="echo", ProtocolType="HTTP")["ApiId"]
    integration = apis.create_integration(
        ApiId=api,
        IntegrationType="AWS_PROXY",
        IntegrationUri=made["FunctionArn"],
        PayloadFormatVersion="2.0",
    )["IntegrationId"]
    for key, authorization in (("POST /signed/{id}", "AWS_IAM"), ("GET /open", "NONE")):
        apis.create_route(
            ApiId=api, RouteKey=key, AuthorizationType=authorization, Target=f"integrations/{integration}"
        )
    apis.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    return f"{services.url}/_aws/execute-api/{api}"


def test_the_accounts_own_key_signs(url: str) -> None:
    """The body arrives as it was sent, and the caller is the one that signed."""
    sent = Person(url, OWNER).signed("POST", "/signed/a%20b?x=1&y=a%2Bb", {"a": 1}, added=JSON)
    assert sent.send()[:2] == (200, {"who": f"arn:aws:iam::{ACCOUNT}:root", "body": sent.body.decode()})
    assert sent.altered(body=b"{}").send()[:2] == (403, {"message": "Forbidden"})
    wrong = Person(url, Credentials(ACCOUNT, "wrong")).signed("POST", "/signed/a")
    assert wrong.send()[:2] == (403, {"message": "Forbidden"})


def test_iam_is_asked_for_the_route(services: LocalServices, url: str) -> None:
    """Whether other calls are restricted or not."""
    sts, iam = client_of(services, "sts"), client_of(services, "iam")
    trust = {"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}
    iam.create_role(
        RoleName="caller", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    role = f"arn:aws:iam::{ACCOUNT}:role/caller"
    given = sts.assume_role(RoleArn=role, RoleSessionName="ana")["Credentials"]
    caller = Person(url, Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"]))
    assert caller.ask("POST", "/signed/a") == (403, {"message": "Forbidden"})
    api = url.rpartition("/")[2]

    def allow(route: str) -> None:
        resource = f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{api}/$default/{route}"
        statement: Any = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": resource}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_role_policy(RoleName="caller", PolicyName="p", PolicyDocument=document)

    for other in ("GET/signed/*", "POST/signed/b", "POST/signed"):
        allow(other)
        assert caller.ask("POST", "/signed/a") == (403, {"message": "Forbidden"})
    allow("POST/signed/*")
    status, answer = caller.ask("POST", "/signed/a")
    assert (status, answer["who"]) == (200, f"arn:aws:sts::{ACCOUNT}:assumed-role/caller/ana")


def test_what_takes_no_signature_is_passed_on(url: str) -> None:
    """Whoever asks, by a signature of anybody's; and what there is no route for is not found."""
    assert Person(url, Credentials(ACCOUNT, "wrong")).ask("GET", "/open") == (200, {"who": None, "body": None})
    for method, path in (("GET", "/nothing"), ("DELETE", "/open"), ("POST", "/signed")):
        answer = urllib3.request(method, f"{url}{path}")
        assert (answer.status, answer.json()) == (404, {"message": "Not Found"})
        assert Person(url, OWNER).ask(method, path) == (404, {"message": "Not Found"})
