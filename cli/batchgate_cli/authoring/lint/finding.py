"""What lint reports, and the names of all that it looks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something valid that is probably a mistake.

    Attributes:
        lint: One of `LINTS`.
        path: The keys and indices that lead to it in the document.
        why: What is written there, and what that leads to.
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
        "contradicts-statement": "A requirement that no job can meet together with one of another statement for the"
        " same jobs.",
        "impossible-value": "A value that no job can have, such as an ARN where a bucket's name is compared.",
        "list-name-as-text": "The name of a list where a value is expected: it is compared as text.",
        "function-without-arn": "A pattern of Lambda functions that matches names but no ARN.",
        "regular-expression": "A pattern with a regular expression's characters, which match only themselves.",
        "word-as-text": "A keyword such as present, with or without quotes, where a text is compared.",
        "word-as-tag": "A keyword such as not where a tag's key is expected.",
        "absent-fails": "A test that a job without the parameter fails, although S3's default would pass it.",
        "any-but": "An `any` with `not` inside: a single other element meets it.",
        "tags-as-in-aws": "Tags in the form of AWS's APIs, which test a tag named Key and one named Value.",
        "only-in-wide-pattern": "An `only` over buckets with a pattern that another AWS customer's bucket may match.",
        "met-without-destination": "A test of destinations that jobs without a destination meet.",
        "empty-range": "A range whose at_least is above its at_most.",
        "window-never-opens": "A calendar, or several required together, that never opens from today on.",
        "either-window": "Calendars of which nearly always one is open, or of which one adds no time: all may be"
        " meant.",
        "fixed-zone": "A time zone with the same offset all year, whose name suggests something else.",
        "closed-dates-past": "A calendar whose closed dates are all in the past.",
        "expired-exception": "An exception that has expired.",
        "distant-expiry": "An exception that lasts for more than two years.",
        "lifts-for-every-job": "An exception that every job meets, or every job that a lifted statement governs.",
        "lifts-nothing": "An exception for a statement that has nothing to lift, or that governs other jobs.",
        "dodged-by-requester": "A guardrail that the requester can avoid with a tag or the description.",
        "claimed-by-requester": "A policy, `unless` or exception that the requester can claim with a tag or the"
        " description.",
        "sizes-written-by-requester": "A check of sizes that requesters can influence with an inventory of their own.",
        "not-on-tag": "A requirement that a tag does not have a value, which a job without the tag meets.",
        "one-approval-for-both": "Two manual_approval requirements for the same jobs: the approvals that meet one meet"
        " both.",
        "too-many-approvals": "More approvals are required than `by` can match people, or than the gate keeps for one"
        " job.",
        "trusted-names-of-any-role": "session_names: trusted where `by` names no role: any role's sessions count.",
        "lambda-without-function": "A policy that approves LambdaInvoke without naming the functions.",
        "lambda-latest": "A pattern of Lambda functions that matches $LATEST, which can change after the approval.",
        "lambda-alias": "An alias of a Lambda function, which can be moved after the approval.",
        "unknown-operation": "An operation that this version does not know.",
        "parameter-of-other-operation": "A requirement on one operation's parameter, which jobs of all other"
        " operations violate.",
        "unreadable-manifest-holds": "A statement that holds every job whose manifest can't be read, whatever its"
        " operation.",
        "missing-price": "A cost check without a price that it needs for an operation that it governs.",
        "manifest-size": "A limit on the manifest's own size that no manifest reaches.",
        "setting-off": "A check that holds jobs because a setting of the deployment that it needs is off.",
        "approves-everything": "A policy that approves every job.",
        "cancelled-outside-window": "A window in a match, with unmatched: cancel: at other times the jobs are"
        " cancelled.",
        "cancel-after-expiry": "cancel_held_after beyond 29 days: S3 fails the job earlier.",
        "cancel-before-grace": "cancel_held_after below a grace period: a hold cancels a job earlier than a violation"
        " does.",
        "no-grace-for-tags": "A cancellation because of tags without a grace period, although tags may arrive later.",
        "slow-clock": "So many calendars or windows that the end of a hold is searched for in fewer than 30 days.",
        "name-without-room": "A name that is shortened in the reason on the job, or has characters that can't be"
        " printed there.",
        "budget-of-requesters-tag": "A budget that counts each value of a tag separately: the requester chooses the"
        " tag.",
        "unused-budget": "A budget that is not used.",
        "unused-list": "A list that is not used.",
        "unused-calendar": "A calendar that is not used.",
    }
)
"""The name of each lint and one sentence about it."""
