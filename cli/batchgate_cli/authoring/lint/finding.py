"""What lint reports, and the names of all that it looks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something valid that is surely not meant.

    Attributes:
        lint: One of `LINTS`.
        path: The keys and indices that lead to it in the document.
        why: What the document says there, and what that leads to.
        instead: What to write.
    """

    lint: str
    path: Path
    why: str
    instead: str


LINTS: Mapping[str, str] = MappingProxyType(
    {
        "matches-nothing": "A match, an `unless` or a requirement that no job can meet.",
        "contradicts-match": "A requirement that none of the jobs that the statement matches can meet.",
        "repeats-match": "A requirement or `unless` that every job that the statement matches meets.",
        "contradicts-requirement": "Two requirements of one statement that no job can meet together.",
        "contradicts-statement": "A requirement that no job can meet beside one of another statement of the same jobs.",
        "impossible-value": "A value that no job can have, as an ARN where a bucket's name is compared.",
        "list-name-as-text": "The name of a list where a value is compared, which stands for itself.",
        "function-without-arn": "A pattern of functions that no function's ARN matches, only one named without.",
        "regular-expression": "A pattern with a regular expression's characters, which match only themselves.",
        "word-as-text": "A word of the language as present, quoted or not, where a text is compared.",
        "word-as-tag": "A word of the language, as not, where a tag's key is written.",
        "absent-fails": "A test that a job without the parameter fails, although S3's default is what it asks for.",
        "any-but": "An `any` over what an element is not, which one other element meets.",
        "tags-as-in-aws": "Tags written as AWS's APIs do: a tag named Key and one named Value.",
        "only-in-wide-pattern": "An `only` over buckets with a pattern that another AWS customer's bucket may match.",
        "met-without-destination": "A rule on destinations that jobs of operations without a destination meet.",
        "empty-range": "A range whose at_least is above its at_most.",
        "window-never-opens": "A calendar, or several asked for together, never open from today on.",
        "either-window": "A window open nearly always or no longer for one of its calendars: all may be meant at once.",
        "fixed-zone": "A time zone at one offset all year, whose name suggests another clock.",
        "closed-dates-past": "A calendar all of whose closed dates are over.",
        "expired-exception": "An exception whose last day is over.",
        "distant-expiry": "An exception that lasts for more than two years.",
        "lifts-for-every-job": "An exception whose match every job meets, or all that a lifted statement governs.",
        "lifts-nothing": "An exception for a statement that has nothing to lift, or that governs other jobs.",
        "dodged-by-requester": "A guardrail that the requester escapes by a tag or the description.",
        "claimed-by-requester": "A policy, `unless` or exception that requesters claim by a tag or the description.",
        "not-on-tag": "A requirement that a tag is not something, which omitting the tag meets.",
        "one-approval-for-both": "A manual_approval beside another of the same jobs: one decision meets both.",
        "lambda-without-function": "A policy that approves LambdaInvoke without naming the functions.",
        "lambda-latest": "A pattern of functions that admits $LATEST, which changes after the approval.",
        "lambda-alias": "An alias of a function in a policy: it may be moved after the approval.",
        "unknown-operation": "An operation that this version does not know.",
        "parameter-of-other-operation": "A requirement on one operation's parameter that jobs of all others violate.",
        "unreadable-manifest-holds": "A statement that holds jobs of every kind whose manifest can't be read.",
        "not-measured-yet": "A check of what this version of the gate can't measure, so that jobs are held for it.",
        "manifest-size": "A limit of the manifest's own size that no manifest reaches.",
        "setting-off": "A check that needs a setting of the deployment which is off, so that jobs are held for it.",
        "approves-everything": "A policy that approves every job.",
        "cancelled-outside-window": "A window in a match under unmatched: cancel: at other times jobs are cancelled.",
        "cancel-after-expiry": "cancel_held_after beyond 29 days: S3 fails the job before.",
        "cancel-before-grace": "cancel_held_after below a grace: what only holds cancels before what cancels.",
        "no-grace-for-tags": "A cancellation without a grace where tags are checked, which may arrive later.",
        "slow-clock": "Calendars so many or so full that the end of a hold is not searched for all 30 days.",
        "name-without-room": "A name that is cut, or not fit to print, in the reason on the job.",
        "unused-list": "A list that nothing names.",
        "unused-calendar": "A calendar that nothing names.",
    }
)
"""The name of each lint and one sentence about it."""
