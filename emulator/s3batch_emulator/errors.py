"""The errors that the emulator answers, as S3 names them.

Three vocabularies exist. The service model says BadRequestException, NotFoundException and
TooManyRequestsException. The User Guide's page "Troubleshooting S3 Batch Operations" says
NoSuchJobException and SlowDown. Answers that people have recorded (aws-sdk-go-v2 #2384,
aws-sdk-java-v2 #1986) say InvalidRequest. A client must understand them all, so the emulator
can speak any.
"""

from enum import Enum


class EmulatorError(Exception):
    """Something that the emulator itself was asked wrongly, by a test or a person."""


class Vocabulary(Enum):
    """Which names errors go by."""

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
"""HTTP status of every code that the emulator can answer.

Those of the model's exceptions are 400 but for InternalServiceException (API reference,
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
"""What each vocabulary calls otherwise than the model. InvalidRequest is recorded, InternalError S3's common code."""


class ApiError(Exception):
    """An answer that refuses: becomes an S3 error document, never a traceback.

    Attributes:
        code: One of `STATUS_BY_CODE`.
        message: What S3 would say, for people.
        status: The HTTP status, from `STATUS_BY_CODE`.
        verbatim: The code is meant as it is, whatever the vocabulary.
    """

    def __init__(self, code: str, message: str, *, verbatim: bool = False) -> None:
        """Refuse with a known code and a message."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.verbatim = verbatim
        self.message = message
        self.status = STATUS_BY_CODE[code]

    def spoken(self, vocabulary: Vocabulary) -> "ApiError":
        """The same refusal, named as the vocabulary names it."""
        name = OTHER_NAMES[vocabulary].get(self.code)
        return self if name is None or self.verbatim else ApiError(name, self.message)


class MalformedRequestError(Exception):
    """A request that can't be read, or that breaks a limit of the service model."""
