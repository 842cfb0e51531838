"""The errors that the emulator returns, by the names that S3 gives them.

Three vocabularies exist. The service model says BadRequestException, NotFoundException and
TooManyRequestsException. The User Guide's page "Troubleshooting S3 Batch Operations" says
NoSuchJobException and SlowDown. Recorded responses (aws-sdk-go-v2 #2384,
aws-sdk-java-v2 #1986) have InvalidRequest. A client must understand them all, so the emulator
can use any of them.
"""

from enum import Enum


class EmulatorError(Exception):
    """A wrong use of the emulator by a test or a person."""


class Vocabulary(Enum):
    """Whose names the error codes have."""

    MODEL = "model"
    GUIDE = "guide"
    RECORDED = "recorded"


STATUS_BY_CODE = {
    "AccessDenied": 403,
    "AccessDeniedException": 403,
    "AuthorizationHeaderMalformed": 400,
    "BadRequestException": 400,
    "EntityTooLarge": 400,
    "IdempotencyException": 400,
    "InternalError": 500,
    "InternalServiceException": 500,
    "InvalidAccessKeyId": 403,
    "InvalidNextTokenException": 400,
    "InvalidRequest": 400,
    "InvalidRequestException": 400,
    "InvalidURI": 400,
    "JobStatusException": 400,
    "MethodNotAllowed": 405,
    "NoSuchJobException": 400,
    "NotFoundException": 400,
    "NotImplemented": 501,
    "RequestTimeTooSkewed": 403,
    "ServiceUnavailable": 503,
    "SignatureDoesNotMatch": 403,
    "SlowDown": 503,
    "TooManyRequestsException": 400,
    "TooManyTagsException": 400,
}
"""HTTP status of every code that the emulator can return.

The model's exceptions have 400, except InternalServiceException (API reference,
UpdateJobStatus, Errors); the others are S3's common error codes.
"""

_GUIDE_NAMES = {"NotFoundException": "NoSuchJobException", "TooManyRequestsException": "SlowDown"}
OTHER_NAMES: dict[Vocabulary, dict[str, str]] = {
    Vocabulary.MODEL: {},
    Vocabulary.GUIDE: _GUIDE_NAMES,
    Vocabulary.RECORDED: {
        **_GUIDE_NAMES,
        "BadRequestException": "InvalidRequest",
        "InvalidRequestException": "InvalidRequest",
        "InternalServiceException": "InternalError",
    },
}
"""Codes that differ from the model's, by vocabulary. InvalidRequest is recorded, InternalError is S3's common code."""


class ApiError(Exception):
    """An error response: becomes an S3 error document, never a traceback.

    Attributes:
        code: One of `STATUS_BY_CODE`.
        message: The error message, for people.
        status: The HTTP status, from `STATUS_BY_CODE`.
        verbatim: The code is returned as it is, in every vocabulary.
    """

    def __init__(self, code: str, message: str, *, verbatim: bool = False) -> None:
        """Take a known code and a message."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.verbatim = verbatim
        self.message = message
        self.status = STATUS_BY_CODE[code]

    def in_vocabulary(self, vocabulary: Vocabulary) -> "ApiError":
        """The same error, with the code of the vocabulary."""
        name = OTHER_NAMES[vocabulary].get(self.code)
        return self if name is None or self.verbatim else ApiError(name, self.message)


class MalformedRequestError(Exception):
    """A request that can't be parsed, or that violates a limit of the service model."""
