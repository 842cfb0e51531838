"""What people give for a job: its id, the beginning of one, or its ARN."""

from typing import Final

_IN_ID: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
_ID_AT_MOST: Final = 36


def is_name(job: str) -> bool:
    """Whether a text can be one; of an ARN only its beginning is looked at."""
    return job.startswith("arn:") or (0 < len(job) <= _ID_AT_MOST and set(job) <= _IN_ID)
