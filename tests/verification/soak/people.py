"""People who decide through the gate's API: who calls, and each request as API Gateway passes it on."""

import json
from typing import Any

from tests.flow.stage import ACCOUNT

_STS = f"arn:aws:sts::{ACCOUNT}:assumed-role"

CALLERS = (
    f"{_STS}/lake-oncall/ana",
    f"{_STS}/lake-oncall/ben",  # with ana one person, unless the names of sessions are trusted
    f"{_STS}/prod-owner/cem",
    f"{_STS}/prod-owner/ana",
    f"arn:aws:iam::{ACCOUNT}:user/kim",
    f"{_STS}/AWSReservedSSO_Admin_0123456789abcdef/eva",
    f"{_STS}/AWSReservedSSO_ReadOnly_fedcba9876543210/eva",  # with the one before one person
    f"arn:aws:sts::{ACCOUNT}:federated-user/fay",  # no person
)
KIM = CALLERS[4]

FORGED_HEADER = "x-caller-arn"
"""What a caller sends along who would like to be somebody else."""


def request(method: str, path: str, who: str, pretends: str, body: object = None) -> dict[str, Any]:
    """A request of `who`, who pretends to be somebody else wherever a caller can. *Source*: payload format 2.0."""
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{method} {path}",
        "rawPath": path,
        "rawQueryString": "",
        "headers": {"host": "api.example.com", FORGED_HEADER: pretends, "x-amzn-iam-user-arn": pretends},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": "a1b2c3d4e5",
            "domainName": "api.example.com",
            "http": {
                "method": method,
                "path": path,
                "protocol": "HTTP/1.1",
                "sourceIp": "192.0.2.1",
                "userAgent": pretends,
            },
            "requestId": "JKJaXmPLvHcESHA=",
            "routeKey": f"{method} {path}",
            "stage": "$default",
            "time": "29/Nov/2026:08:00:00 +0000",
            "timeEpoch": 1795939200000,
            "authorizer": {"iam": {"accessKey": "AKIA", "accountId": ACCOUNT, "callerId": "A:b", "userArn": who}},
        },
        "isBase64Encoded": False,
    }
    if body is not None:
        event["body"] = json.dumps(body)
    return event
