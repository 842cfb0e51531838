"""What was counted in the parts of a manifest, and all of them together."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST, ManifestContents, Uncountable
from batchgate.manifest.plan import CsvRange, Plan

_EDGE: Final = Uncountable("its manifest: a line break within quotation marks where two ranges meet")


class PartCounts(Struct, frozen=True):
    """What was counted in one part.

    Attributes:
        rows, rows_without_version, buckets, object_bytes: As in `ManifestContents`, of this part.
        begins: Where the first row of a range begins, as a byte of the object; None for a range without one.
        ends: The byte after the last row of a range, which may lie behind the range.
        why: Why the part can't be counted exactly; "" where it was.
    """

    rows: int = 0
    rows_without_version: int = 0
    buckets: Mapping[str, int] | None = {}
    object_bytes: int | None = 0
    begins: int | None = None
    ends: int | None = None
    why: str = ""


def combine(plan: Plan, counts: Iterable[PartCounts]) -> ManifestContents | Uncountable:
    """The whole manifest from the counts of its parts, which are taken one by one, in the plan's order.

    Whether a range begins within quotation marks can't be seen in the range itself: each assumes that it does not. That
    holds exactly if each begins to count where the one before it ended, from the first byte to the last.
    """
    read, ended, rows, rows_without_version = 0, 0, 0, 0
    buckets: dict[str, int] | None = {}
    object_bytes: int | None = None if plan.source.columns.size is None else 0
    for part, count in zip(plan.parts, counts, strict=False):
        if isinstance(part, CsvRange) and count.begins is not None:
            if count.begins != ended:
                return _EDGE
            ended = ended if count.ends is None else count.ends
        if count.why:
            where = f", part {read + 1} of {len(plan.parts)}" if len(plan.parts) > 1 else ""
            return Uncountable(f"its manifest{where}: {count.why}")
        read += 1
        rows += count.rows
        rows_without_version += count.rows_without_version
        buckets = _together(buckets, count.buckets)
        object_bytes = None if object_bytes is None or count.object_bytes is None else object_bytes + count.object_bytes
    if read != len(plan.parts):
        return Uncountable(f"{read} of the {len(plan.parts)} parts of its manifest were read")
    if any(isinstance(part, CsvRange) and ended != part.size for part in plan.parts):
        return _EDGE
    return ManifestContents(rows, rows_without_version, buckets, object_bytes)


def _together(counted: dict[str, int] | None, more: Mapping[str, int] | None) -> dict[str, int] | None:
    """Counts by bucket, added up; None for too many."""
    if counted is None or more is None:
        return None
    for name, rows in more.items():
        counted[name] = counted.get(name, 0) + rows
    return counted if len(counted) <= BUCKETS_AT_MOST else None
