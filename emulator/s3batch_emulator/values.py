"""The parsed form of requests and responses.

Structures use S3's member names and hold strings, numbers, booleans, aware UTC
datetimes, lists and structures; nothing else. A member that was not sent is absent.
"""

from datetime import datetime
from typing import TypeAlias

Value: TypeAlias = str | int | bool | datetime | list["Value"] | dict[str, "Value"]
Structure: TypeAlias = dict[str, Value]


class Unmodelled(str):
    """The text of a member that the service model does not have, as a newer S3 may return it."""

    __slots__ = ()


def with_member(structure: Structure, path: tuple[str, ...], value: Value) -> Structure:
    """A copy with a member set at a path of member names; structures that are missing on the path are added."""
    name, *inner = path
    if not inner:
        return {**structure, name: value}
    below = structure.get(name)
    return {**structure, name: with_member(below if isinstance(below, dict) else {}, tuple(inner), value)}


def member(structure: Structure, *path: str) -> Value | None:
    """The value at a path of member names, or None if any of them is absent."""
    found: Value = structure
    for name in path:
        if not isinstance(found, dict) or name not in found:
            return None
        found = found[name]
    return found


def text(structure: Structure, *path: str) -> str | None:
    """The string at a path of member names, or None if it is absent."""
    found = member(structure, *path)
    return found if isinstance(found, str) else None


def number(structure: Structure, *path: str) -> int | None:
    """The whole number at a path of member names, or None if it is absent."""
    found = member(structure, *path)
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def flag(structure: Structure, *path: str) -> bool | None:
    """The boolean at a path of member names, or None if it is absent."""
    found = member(structure, *path)
    return found if isinstance(found, bool) else None


def instant(structure: Structure, *path: str) -> datetime | None:
    """The aware instant at a path of member names, or None if it is absent."""
    found = member(structure, *path)
    return found if isinstance(found, datetime) else None


def texts(structure: Structure, *path: str) -> list[str]:
    """The strings of the list at a path of member names; empty if it is absent."""
    found = member(structure, *path)
    return [entry for entry in found if isinstance(entry, str)] if isinstance(found, list) else []


def structures(structure: Structure, *path: str) -> list[Structure]:
    """The structures of the list at a path of member names; empty if it is absent."""
    found = member(structure, *path)
    return [entry for entry in found if isinstance(entry, dict)] if isinstance(found, list) else []
