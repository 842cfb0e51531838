"""What API Gateway does before it passes a request on: who signed it, and may they call this route?

Runs in ministack's process, as a file: it may import nothing but the standard library and ministack. ministack checks
signatures only while it enforces IAM, never the account's own keys, and takes the client's word for the body's digest.

*Source*: API Gateway Developer Guide, "Control access to HTTP APIs with IAM authorization"; IAM User Guide, "AWS
Signature Version 4 for API requests". That API Gateway refuses signatures in the query string is not documented.
"""

import contextvars
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple
from urllib.parse import parse_qs

SERVICE = "execute-api"
_SIGNED_AT_LEAST = {"host", "x-amz-date"}
_ONCE = {*_SIGNED_AT_LEAST, "authorization", "x-amz-content-sha256", "x-amz-security-token"}


class _Sent(NamedTuple):
    """A request as it was sent; the signature is over all of it."""

    method: str
    path: str
    query: str
    headers: Iterable[tuple[bytes, bytes]]
    body: bytes


def refusal(call: tuple[str, str, str], *sent: Any) -> int | None:  # noqa: ANN401 - as `_Sent`
    """The status with which API Gateway refuses a request; None for one that it passes on.

    Args:
        call: API, stage and path of the request, as ministack reads its URL.
        sent: Method, path and query, headers and body, as they were sent.
    """
    return contextvars.copy_context().run(_refusal, call, _Sent(*sent))


def _refusal(call: tuple[str, str, str], sent: _Sent) -> int | None:
    from ministack import app
    from ministack.core.responses import set_request_account_id, set_request_region
    from ministack.services import apigateway

    api_id, *_ = call
    owner = next((key[:2] for key, _ in apigateway._apis.all_items() if key[2] == api_id), None)  # noqa: SLF001
    if owner is None:
        return None  # ministack answers that there is no such API
    set_request_account_id(owner[0])
    set_request_region(owner[1])
    stage, path = app._resolve_stage_and_path(*call)  # noqa: SLF001
    authorization = apigateway.route_authorization_type(api_id, stage, sent.method, path)
    if authorization is None:
        return HTTPStatus.NOT_FOUND  # before anybody is asked who they are
    if authorization != "AWS_IAM":
        return None
    access_key_id = _signer(owner, sent)
    arn = f"arn:aws:{SERVICE}:{owner[1]}:{owner[0]}:{api_id}/{stage}/{sent.method}{path}"
    is_allowed = access_key_id is not None and _is_allowed(access_key_id, owner[1], arn)
    return None if is_allowed else HTTPStatus.FORBIDDEN


def _signer(owner: tuple[str, str], sent: _Sent) -> str | None:
    """The access key, of the API's account, that signed this very request for the API's Region; None for any other."""
    from ministack.core import iam_evaluator, sigv4

    account_id, region = owner
    headers: dict[str, str] = {}
    for name, value in sent.headers:
        key = name.decode("latin-1").lower()
        if key in headers and key in _ONCE:
            return None
        text = sigv4.decode_header_value(value)
        headers[key] = f"{headers[key]},{text}" if key in headers else text
    parameters = parse_qs(sent.query, keep_blank_values=True)
    if not headers.get("authorization", "").startswith("AWS4-HMAC-SHA256 ") or _names_credentials(parameters):
        return None
    signature = sigv4.parse_header_signature(headers)
    if isinstance(signature, tuple) or sigv4.request_time_failure(signature) or not _has_date(signature.amz_date):
        return None
    credential = iam_evaluator.resolve_credential(
        signature.access_key_id, account_id, headers.get("x-amz-security-token", "")
    )
    if isinstance(credential, iam_evaluator.CredentialResolutionError) or credential.account_id != account_id:
        return None
    if credential.principal_type == "Root" and signature.access_key_id != account_id:
        return None  # ministack takes other keys for any account's own
    if (signature.region, signature.service) != (region, SERVICE) or not _is_of_body(headers, sent.body):
        return None
    if not set(signature.signed_headers.split(";")) >= _SIGNED_AT_LEAST:
        return None
    failure = sigv4.header_signature_failure(
        signature, credential.secret_access_key, sent.method, sent.path, parameters, headers, sent.body
    )
    return None if failure else str(signature.access_key_id)


def _names_credentials(parameters: Mapping[str, Any]) -> bool:
    """Whether the query has a part of a signature. ministack would take the caller from it."""
    return any(name.lower().startswith("x-amz-") or name == "AWSAccessKeyId" for name in parameters)


def _has_date(text: str) -> bool:
    """Whether the date can be read; ministack lets a request without one never expire."""
    from ministack.core import sigv4

    return sigv4._amz_datetime(text) is not None  # noqa: SLF001


def _is_of_body(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether the digest that the signature is over, where the client names one, is that of the body."""
    named = headers.get("x-amz-content-sha256")
    return named is None or hmac.compare_digest(named.encode(), hashlib.sha256(body).hexdigest().encode())


def _is_allowed(access_key_id: str, region: str, arn: str) -> bool:
    """IAM's answer, also while ministack enforces nothing."""
    from ministack.core.iam_evaluator import enforce

    return not enforce(access_key_id, f"{SERVICE}:Invoke", "apigateway", region, resource_arn=arn)
