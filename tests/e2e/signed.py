"""Requests of the deployed API, signed as AWS clients sign them, or in ways that they would not."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import urllib3
from botocore.auth import SIGV4_TIMESTAMP, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from batchgate_cli.local.services import ACCOUNT, REGION
from tests.e2e.deployed_gate import DeployedGate

OWNER = Credentials(ACCOUNT, "local")
"""The account's own key, as `batchgate_cli.local.services` has it."""


class _At(SigV4Auth):
    """Signs at another time."""

    shift = timedelta(0)

    def add_auth(self, request: Any) -> None:
        """As botocore, with another clock."""
        request.context["timestamp"] = (datetime.now(UTC) + self.shift).strftime(SIGV4_TIMESTAMP)
        self._modify_request_before_signing(request)  # type: ignore[attr-defined]
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        signature = self.signature(to_sign, request)
        self._inject_signature_to_request(request, signature)  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Sent:
    """One request, ready to be sent: what stands in it can still be altered."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes = b""

    def altered(self, **changed: Any) -> "Sent":
        """With other parts, and the signature as it was."""
        return replace(self, **changed)

    def send(self) -> tuple[int, Any, str]:
        """Status, document and content type of the answer."""
        answer = urllib3.request(
            self.method,
            self.url,
            headers={**self.headers, "Connection": "close"},
            body=self.body or None,
            retries=False,
            timeout=60,
        )
        return answer.status, json.loads(answer.data), answer.headers["content-type"].partition(";")[0]


@dataclass(frozen=True)
class Person:
    """Somebody with credentials, who sends requests to an API."""

    url: str
    credentials: Credentials = field(repr=False)

    def signed(
        self,
        method: str,
        target: str,
        body: object = None,
        *,
        added: Mapping[str, str] | None = None,
        service: str = "execute-api",
        region: str = REGION,
        shift: timedelta = timedelta(0),
        in_query: bool = False,
    ) -> Sent:
        """A signed request; `body` is JSON, or bytes as they are."""
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        request = AWSRequest(method, f"{self.url}{target}", dict(added or {}), content)
        if in_query:
            SigV4QueryAuth(self.credentials, service, region).add_auth(request)
        else:
            signer = _At(self.credentials, service, region)
            signer.shift = shift
            signer.add_auth(request)
        prepared = request.prepare()
        headers = {name: value for name, value in prepared.headers.items() if name.lower() != "content-length"}
        return Sent(method, prepared.url, headers, content)

    def ask(self, method: str, target: str, body: object = None, **others: Any) -> tuple[int, Any]:
        """Status and document."""
        status, document, _ = self.signed(method, target, body, **others).send()
        return status, document


def member_of(gate: DeployedGate, role: str, policy: Mapping[str, Any] | None, session: str, path: str = "/") -> Person:
    """A session of a role that has one policy, or none."""
    iam = gate.client("iam")
    trust = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "sts:AssumeRole"}
    try:
        document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
        iam.create_role(RoleName=role, Path=path, AssumeRolePolicyDocument=document)
    except iam.exceptions.EntityAlreadyExistsException:
        pass
    if policy is not None:
        iam.put_role_policy(RoleName=role, PolicyName="gate", PolicyDocument=json.dumps(policy))
    arn = f"arn:aws:iam::{ACCOUNT}:role{path}{role}"
    given = gate.client("sts").assume_role(RoleArn=arn, RoleSessionName=session)["Credentials"]
    return Person(
        gate.outputs["ApiUrl"], Credentials(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])
    )
