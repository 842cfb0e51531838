"""Authentication and authorization of callers.

Source: Amazon S3 API reference, "Authenticating Requests: Using the Authorization Header
(AWS Signature Version 4)"; actions and resources: Service Authorization Reference, S3.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeAlias
from urllib.parse import parse_qsl, quote

from s3batch_emulator.address import JobScope
from s3batch_emulator.errors import ApiError
from s3batch_emulator.exchange import HttpRequest

SIGNATURE_LASTS = timedelta(minutes=15)
"""How far a signature's time can be from S3's. Source: common error RequestTimeTooSkewed."""

_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/,\s]+)/(?P<scope>\d{8}/[a-z0-9-]+/s3/aws4_request),\s*"
    r"SignedHeaders=(?P<headers>[a-z0-9;-]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)
_ON_EVERYTHING = frozenset({"CreateJob", "ListJobs"})


@dataclass(frozen=True, slots=True)
class Caller:
    """The sender of a request, as far as the request names it.

    Attributes:
        access_key_id: From the signature; None for an unsigned request.
        session_token: Of temporary credentials; None for others.
    """

    access_key_id: str | None
    session_token: str | None


Authorizer: TypeAlias = Callable[[Caller, str, str], bool]
"""Called with (caller, action such as `s3:UpdateJobStatus`, resource ARN or `*`); returns whether it is allowed."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What callers must prove; nothing by default.

    Attributes:
        authorizer: Called for every request; None allows all.
        secrets: Secret access keys by access key id. If given, every request must be signed
            with one of them; None checks no signatures.
        check_time: Signatures must not be older than 15 minutes, by the emulator's clock. Real
            clients sign by the machine's clock, so this goes with a RealClock.
    """

    authorizer: Authorizer | None = None
    secrets: Mapping[str, str] | None = None
    check_time: bool = False

    def admit(self, request: HttpRequest, operation: str, scope: JobScope, job_id: str | None, now: datetime) -> None:
        """Check a request.

        Raises:
            ApiError: AccessDenied, InvalidAccessKeyId, SignatureDoesNotMatch, RequestTimeTooSkewed
                or AuthorizationHeaderMalformed.
        """
        if self.authorizer is None and self.secrets is None and not self.check_time:
            return
        signed = _AUTHORIZATION.fullmatch(request.headers.get("authorization", "").strip())
        if signed is None and (self.secrets is not None or self.check_time):
            if "authorization" in request.headers:
                raise ApiError("AuthorizationHeaderMalformed", "The authorization header is malformed.")
            raise ApiError("AccessDenied", "Access Denied")
        if signed is not None and self.check_time:
            _check_time(request, now)
        if signed is not None and self.secrets is not None:
            _check_signature(request, signed, self.secrets)
        caller = Caller(signed["key"] if signed else None, request.headers.get("x-amz-security-token"))
        resource = "*" if operation in _ON_EVERYTHING else scope.job_arn(job_id or "")
        if self.authorizer is not None and not self.authorizer(caller, f"s3:{operation}", resource):
            raise ApiError("AccessDenied", "Access Denied")


def _check_time(request: HttpRequest, now: datetime) -> None:
    try:
        stated = datetime.strptime(request.headers.get("x-amz-date", ""), "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ApiError("AccessDenied", "AWS authentication requires a valid Date or x-amz-date header") from None
    if abs(now - stated) > SIGNATURE_LASTS:
        raise ApiError(
            "RequestTimeTooSkewed", "The difference between the request time and the current time is too large."
        )


def _check_signature(request: HttpRequest, signed: re.Match[str], secrets: Mapping[str, str]) -> None:
    secret = secrets.get(signed["key"])
    if secret is None:
        raise ApiError("InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records.")
    body_hash = request.headers.get("x-amz-content-sha256", "")
    genuine = body_hash in {"UNSIGNED-PAYLOAD", hashlib.sha256(request.body).hexdigest()}
    if not genuine or not hmac.compare_digest(_signature(request, signed, secret), signed["signature"]):
        raise ApiError(
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. "
            "Check your key and signing method.",
        )


def _signature(request: HttpRequest, signed: re.Match[str], secret: str) -> str:
    names = signed["headers"].split(";")
    query = sorted(
        (quote(name, safe="-_.~"), quote(value, safe="-_.~"))
        for name, value in parse_qsl(request.query, keep_blank_values=True)
    )
    canonical = "\n".join(
        [
            request.method,
            request.path,
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{' '.join(request.headers.get(name, '').split())}" for name in names),
            "",
            signed["headers"],
            request.headers.get("x-amz-content-sha256", ""),
        ]
    )
    to_sign = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            request.headers.get("x-amz-date", ""),
            signed["scope"],
            hashlib.sha256(canonical.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{secret}".encode()
    for part in signed["scope"].split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    return hmac.digest(key, to_sign.encode(), "sha256").hex()
