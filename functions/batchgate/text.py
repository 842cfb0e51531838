"""Making text for people shorter: every cut is marked, and made here."""

from typing import Final

MARK: Final = "..."
"""Stands where something was left out."""

TEXT_AT_MOST: Final = 2048
"""Characters of one text in a record, an event or a log line: the longest text that S3 and IAM allow is an ARN."""


def shorten(text: str, at_most: int = TEXT_AT_MOST, *, sentence: bool = False) -> str:
    """Return a text of `at_most` characters or fewer; what is left out is marked `...`.

    What tells two texts apart stays: of an ARN the end, which has the name; of a sentence the beginning; of everything
    else both ends. What has lost its beginning already keeps its end.

    Args:
        text: Any text.
        at_most: Characters of the result, the mark included; at least 3.
        sentence: Keep the beginning only.
    """
    if len(text) <= at_most:
        return text
    room = at_most - len(MARK)
    if sentence:
        return text[:room] + MARK
    end = room if text.startswith(("arn:", MARK)) else room // 3
    return text[: room - end] + MARK + text[len(text) - end :]
