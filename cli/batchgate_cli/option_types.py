"""Types of options: which values they accept, and the message for all others."""

import re
from datetime import timedelta
from typing import Any, Final

import click

from batchgate.text import shorten

_SHOWN_AT_MOST: Final = 60
_SPAN: Final = re.compile(r"(\d{1,9})\s*(d|h|min|m)", re.ASCII)
_UNITS: Final = {"d": "days", "h": "hours", "min": "minutes", "m": "minutes"}
_LONGEST_SPAN: Final = timedelta(days=3650)
_ACCOUNT: Final = re.compile(r"[0-9]{12}")


def shown(text: str) -> str:
    """A value as a message quotes it: in one line, and not all of it if it is long."""
    return repr(shorten(text, _SHOWN_AT_MOST))


class Whole(click.ParamType[int]):
    """A whole number from `least` to `most`."""

    name = "number"

    def __init__(self, least: int, most: int) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:  # noqa: ANN401
        """Read it."""
        try:
            number = int(value)
        except ValueError:
            number = None
        if number is None or not self.least <= number <= self.most:
            self.fail(f"expected a whole number from {self.least} to {self.most}, got {shown(str(value))}", param, ctx)
        return number


class Rate(click.ParamType[float]):
    """A number from `least` to `most`, which may have a fraction."""

    name = "number"

    def __init__(self, least: float, most: float) -> None:
        self.least, self.most = least, most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # noqa: ANN401
        """Read it."""
        try:
            number = float(value)
        except ValueError:
            number = None
        if number is None or not self.least <= number <= self.most:  # which "nan" is not either
            self.fail(f"expected a number from {self.least:g} to {self.most:g}, got {shown(str(value))}", param, ctx)
        return number


class Span(click.ParamType[timedelta]):
    """A length of time: 3d, 12h or 30min."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:  # noqa: ANN401
        """Read it."""
        if isinstance(value, timedelta):
            return value
        parts = _SPAN.fullmatch(str(value).strip())
        try:
            span = timedelta(**{_UNITS[parts[2]]: int(parts[1])}) if parts else None
        except OverflowError:
            span = None
        if span is None or span > _LONGEST_SPAN:
            expected = f"a time like 3d, 12h or 30min, at most {_LONGEST_SPAN.days}d"
            self.fail(f"expected {expected}, got {shown(str(value))}", param, ctx)
        return span


class Text(click.ParamType[str]):
    """Text of some length, in UTF-8."""

    name = "text"

    def __init__(self, most: int, least: int = 0) -> None:
        self.most, self.least = most, least

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Check it."""
        text = str(value)
        if any("\ud800" <= character <= "\udfff" for character in text):  # as Python reads other bytes
            self.fail("expected text in UTF-8, got other bytes", param, ctx)
        if not self.least <= len(text) <= self.most:
            at_least = f"{self.least} to " if self.least else "at most "
            self.fail(f"expected {at_least}{self.most:,} characters, got {len(text):,}", param, ctx)
        return text


class Tag(Text):
    """A tag: KEY=VALUE. *Source*: S3 Control API, S3Tag."""

    name = "tag"

    def __init__(self) -> None:
        super().__init__(385)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Check it."""
        text = super().convert(value, param, ctx)
        key, equals, of_key = text.partition("=")
        if not equals or not 1 <= len(key) <= 128 or len(of_key) > 256:  # noqa: PLR2004 - as the API has them
            expected = "KEY=VALUE, with a key of 1 to 128 characters and a value of at most 256"
            self.fail(f"expected {expected}, got {shown(text)}", param, ctx)
        return text


class AccountId(click.ParamType[str]):
    """The id of an AWS account."""

    name = "account"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Check it."""
        text = str(value)
        if not _ACCOUNT.fullmatch(text):
            self.fail(f"expected an account id of 12 digits, got {shown(text)}", param, ctx)
        return text


class Url(click.ParamType[str]):
    """A URL with http or https."""

    name = "url"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:  # noqa: ANN401
        """Check it."""
        text = str(value)
        if not is_url(text):
            self.fail(f"expected http://HOST:PORT or https://HOST, got {shown(text)}", param, ctx)
        return text


def is_url(text: str) -> bool:
    """Whether a text is a URL with http or https, a host, and a port that can be one."""
    from urllib.parse import urlsplit

    try:
        parts = urlsplit(text)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        return False
