"""What the rows of a job's manifest say, all of them together."""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct

BUCKETS_AT_MOST: Final = 1_000
"""How many different buckets are counted one by one."""


class ManifestContents(Struct, frozen=True):
    """The rows of one manifest, counted exactly.

    Attributes:
        rows: Its rows, each of which becomes a task.
        rows_without_version: Those whose VersionId is empty; all of them where there is no such column. The text
            `null` is a version.
        buckets: Every bucket as it stands in the rows, with the number of its rows; None for more than
            BUCKETS_AT_MOST different ones.
        object_bytes: The sum of the objects' sizes; None where not every row has one.
    """

    rows: int
    rows_without_version: int
    buckets: Mapping[str, int] | None
    object_bytes: int | None


class Uncountable(Struct, frozen=True):
    """Why a manifest can't be counted exactly.

    Attributes:
        why: A few words for people, ours alone: nothing of the requester's.
    """

    why: str
