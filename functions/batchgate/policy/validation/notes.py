"""What one walk over a document has noted: its problems, and the names that are compared once all of it is read."""

from typing import TypeAlias

from msgspec import Struct, field

from batchgate.errors import Problem
from batchgate.text import shorten

Path: TypeAlias = tuple[str | int, ...]

_MESSAGE_AT_MOST = 400


class Notes(Struct):
    """The notes of one walk.

    Attributes:
        nesting: How many `any` and `all` stand around the current condition.
        asking: Whether the current condition is a requirement's own (not of match or unless).
        in_any: Whether an `any` stands around it.
        names: The names of statements, exceptions and budgets.
        liftable: Those of statements.
        lifted: The names that exceptions lift.
        list_uses: The lists that tests name, and whether as a list of calendars.
        tag_lists: Of these, those that tags are compared with.
        closed_uses: Those that are compared with what S3 chooses from a closed set, and that set.
        window_uses: The calendars that windows name.
        budget_uses: The budgets that requirements name.
    """

    problems: list[Problem] = field(default_factory=list)
    nesting: int = 0
    asking: bool = False
    in_any: bool = False
    names: list[tuple[Path, str]] = field(default_factory=list)
    liftable: set[str] = field(default_factory=set)
    lifted: list[tuple[Path, str]] = field(default_factory=list)
    list_uses: list[tuple[Path, str, bool]] = field(default_factory=list)
    tag_lists: set[str] = field(default_factory=set)
    closed_uses: list[tuple[Path, str, tuple[str, ...]]] = field(default_factory=list)
    window_uses: list[tuple[Path, str]] = field(default_factory=list)
    budget_uses: list[tuple[Path, str]] = field(default_factory=list)
    lists: dict[str, object] = field(default_factory=dict)
    calendars: set[str] = field(default_factory=set)
    budgets: set[str] = field(default_factory=set)

    def wrong(self, path: Path, message: str) -> None:
        """Add a problem."""
        self.problems.append(Problem(path, shorten(message, _MESSAGE_AT_MOST)))
