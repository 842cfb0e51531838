"""The policies by version: AppConfig keeps every document that was deployed, and decisions name theirs by its hash."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from botocore.config import Config
from msgspec import MsgspecError, Struct, field

from batchgate.aws.answers import only_answers
from batchgate.aws.calls import CallError, make_call
from batchgate.errors import PolicyError, PolicyUnavailableError
from batchgate.policy.canonical import canonical_json
from batchgate.policy.validation import read_document
from batchgate.text import shorten

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from batchgate.contract import ProfileLocation

CONFIG: Final = Config(connect_timeout=1, read_timeout=3, retries={"mode": "standard", "total_max_attempts": 3})

T = TypeVar("T")

_PAGE: Final = 50
_VERSION_DIGITS: Final = 12


class HostedPolicies(Struct):
    """The documents of an AppConfig profile, the newest first. What is read once need not be read again: none changes.

    Attributes:
        client: An AppConfig client made with `CONFIG`.
    """

    client: Any
    location: ProfileLocation
    _numbers: dict[str, int] = field(default_factory=dict)
    _read: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        only_answers(self.client.meta.events)

    def find(self, version: str) -> dict[str, Any] | None:
        """The document of a version in its canonical form; None where AppConfig has none of this version.

        Raises:
            PolicyUnavailableError: AppConfig could not be asked.
        """
        if version not in self._numbers:
            for number in self._listed():
                if number not in self._read:
                    self._numbers = dict.fromkeys(self._documents(number), number) | self._numbers
                    self._read.add(number)
                if version in self._numbers:
                    break
            else:
                return None
        return self._documents(self._numbers[version])[version]

    def _listed(self) -> Iterator[int]:
        """The numbers of all hosted versions, page by page the newest first."""
        token: dict[str, str] = {}
        while True:
            numbers, token = self._asked(partial(self._page, token))
            yield from sorted(numbers, reverse=True)
            if not token:
                return

    def _page(self, token: dict[str, str]) -> tuple[list[int], dict[str, str]]:
        answer = self.client.list_hosted_configuration_versions(
            ApplicationId=self.location.application,
            ConfigurationProfileId=self.location.profile,
            MaxResults=_PAGE,
            **token,
        )
        following = answer.get("NextToken")
        return [each["VersionNumber"] for each in answer["Items"]], {"NextToken": following} if following else {}

    def _documents(self, number: int) -> dict[str, dict[str, Any]]:
        return documents_of(self._asked(partial(self._content, number)))

    def _content(self, number: int) -> bytes:
        answer = self.client.get_hosted_configuration_version(
            ApplicationId=self.location.application,
            ConfigurationProfileId=self.location.profile,
            VersionNumber=number,
        )
        content: bytes = answer["Content"].read()
        return content

    def _asked(self, call: Callable[[], T]) -> T:
        try:
            return make_call(call)
        except CallError as error:
            raise PolicyUnavailableError(f"AppConfig {self.location}: {shorten(str(error), 200)}") from error


def documents_of(content: bytes) -> dict[str, dict[str, Any]]:
    """What a stored text holds, by the versions that decisions may have named it by; none for what is no policy.

    The stack stores canonical JSON, whose hash is the version, even if this batchgate would write it otherwise or can't
    read it any more. What others have stored is brought into canonical form, as the gate does it.
    """
    found = {}
    with suppress(MsgspecError, PolicyError, RecursionError):
        data = msgspec.json.decode(content, type=dict[str, Any])
        found[_hash(content)] = data
        canonical = canonical_json(read_document(data))
        found[_hash(canonical)] = msgspec.json.decode(canonical, type=dict[str, Any])
    return found


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_VERSION_DIGITS]
