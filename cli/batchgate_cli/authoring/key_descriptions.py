"""Descriptions of every key of the policy language except the checks, for editors and for the reference page.

Texts are Markdown. A key that the model has and this table lacks fails a test.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from batchgate.policy import model

_TEXT_LIST = "The name of one of the policy set's `lists`: any of its values."
_GLOB = (
    "A pattern with the shell's character classes, for values of a fixed form: `[0-9]`, `[a-z]`, `[!x]`, `*` and `?`. A"
    " glob does not count as naming an operation, which matters for operations that this version does not know."
)
_NOT = "The exact complement of any other test that is allowed here; not nested. Unknown and unmeasurable stay so."
_PRESENT = "`true`: there is a value, even an empty one. `false`: S3's response contains none."
_AT_LEAST = "The lowest number that is allowed."
_AT_MOST = "The highest number that is allowed."
_ANY_BUCKET = "At least one of the buckets matches. Violated if there are no buckets."
_ONLY_BUCKET = "Every one of the buckets matches. Met if there are no buckets."
_NO_BUCKET = "None of the buckets matches. Met if there are no buckets."

_BEFORE = "Earlier than this: a date, which means its first instant in UTC, or an instant with its offset."
_AFTER = "At this instant or later; written like `before`."
_WITHIN = (
    "No later than this long after the job's creation, such as `365d`, `12h`, `30m` or `10s`; earlier times meet it,"
    " too."
)
_ELEMENTS = (
    " For a list of structures: sub-paths with tests, all of which one element must meet. For a list of texts: a"
    " pattern, a list of them (any), `{glob: ...}` or `{list: NAME}`."
)

_STATEMENT = {
    "name": "Unique among policies, guardrails, exceptions and budgets, at most 64 characters. It is written into the"
    " reason on the job.",
    "description": "A text for readers; it does not affect the verdict.",
    "mode": "`shadow`: the statement counts as absent, and the trace shows what it would do. `enforce` does not"
    " override a set in shadow mode.",
    "match": "Which jobs this statement governs: those that meet all of these conditions. Default: every job.",
    "on_violation": "What a violation leads to, for requirements without an `on_violation` of their own: `hold`"
    " (default) or `cancel`.",
}
_REPORT = {
    "enabled": "Whether S3 writes a completion report.",
    "scope": "`AllTasks` or `FailedTasksOnly`.",
    "bucket": "The name of the report's bucket. Names are global: without `expected_bucket_owner` it may be another AWS"
    " customer's bucket of that name.",
    "prefix": "The prefix of the report's keys in the bucket.",
    "format": "`Report_CSV_20180820`.",
    "expected_bucket_owner": "The account that the job names as the owner of the report's bucket, such as"
    ' `"${account}"`: S3 writes the report only into a bucket of that account.',
    "present": "Whether the job has a report structure at all.",
}
_MANIFEST = {
    "format": "The manifest's format, such as `S3BatchOperations_CSV_20180820` or `S3InventoryReport_CSV_*`.",
    "bucket": "The name of the bucket in which the manifest is stored.",
    "key": "The manifest's key in that bucket.",
    "version": "The version of the manifest object that the job names. `{present: true}`: it names one.",
    "generated": "`true`: S3 generates the manifest. `false`: the requester supplied it.",
    "stored": "Whether the manifest is stored in a bucket. One that the requester supplied is.",
    "bytes": "The size of the manifest object itself, not of the objects it lists.",
    "rows": "How many rows the manifest has, counted.",
    "rows_without_version": "How many rows name no version of their object: the VersionId is empty, or there is no such"
    " column. The text `null` is a version.",
}
_BUCKETS = {"any": _ANY_BUCKET, "only": _ONLY_BUCKET, "none": _NO_BUCKET}
_NAMES = {"list": _TEXT_LIST, "glob": _GLOB}
_APPROVERS = {
    "by": "Patterns of the callers whose approval counts, compared with the caller's ARN as STS names it:"
    " `arn:aws:sts::111122223333:assumed-role/lake-oncall/ana`.",
    "at_least": "How many different people must approve; 1 if not given. All sessions of one role are one person, with"
    " the exception of IAM Identity Center's roles (`AWSReservedSSO_*`), where each user is one.",
    "not_requester": "`true`: the approval of whoever created the job does not count. While the requester is not known,"
    " nobody's approval counts.",
}
_TEXT_TERM = {**_NAMES, "present": _PRESENT}
_RANGE = {"at_least": _AT_LEAST, "at_most": _AT_MOST}
_MONEY_RANGE = {
    "at_least": "The lowest cost that is allowed, in US dollars.",
    "at_most": "The highest cost that is allowed, in US dollars.",
}
_ELEMENT_TERM = {**_RANGE, **_TEXT_TERM, "before": _BEFORE, "after": _AFTER, "within": _WITHIN}
_PARAMETER_TERM = {
    **_ELEMENT_TERM,
    "any": f"At least one element passes. Violated by an empty or absent list.{_ELEMENTS}",
    "only": f"Every element passes. Met by an empty or absent list.{_ELEMENTS}",
    "none": f"No element passes. Met by an empty or absent list.{_ELEMENTS}",
}

JOINING: Mapping[str, str] = MappingProxyType(
    {
        "any": "At least one of these conditions must be met. The only place where a list means *or*.",
        "all": "All of these conditions must be met; needed only inside `any`.",
    }
)
"""The keys of a condition that are not checks."""

KEYS: Mapping[type[Struct], Mapping[str, str]] = MappingProxyType(
    {
        model.PlainTextTerm: _TEXT_TERM,
        model.TextTerm: {**_TEXT_TERM, "not": _NOT},
        model.PlainRange: _RANGE,
        model.Range: {**_RANGE, "not": _NOT},
        model.PlainMoneyRange: _MONEY_RANGE,
        model.MoneyRange: {**_MONEY_RANGE, "not": _NOT},
        model.PlainElementTerm: _ELEMENT_TERM,
        model.ElementTerm: {**_ELEMENT_TERM, "not": _NOT},
        model.PlainParameterTerm: _PARAMETER_TERM,
        model.ParameterTerm: {**_PARAMETER_TERM, "not": _NOT},
        model.PlainReport: _REPORT,
        model.Report: {**_REPORT, "not": _NOT},
        model.PlainManifest: _MANIFEST,
        model.Manifest: {**_MANIFEST, "not": _NOT},
        model.GlobTerm: {"glob": _GLOB},
        model.NamesTerm: _NAMES,
        model.Approvers: _APPROVERS,
        model.Approvals: {
            **_APPROVERS,
            "session_names": "`trusted`: the trust policy of every role that may approve sets the session's name"
            " (`sts:RoleSessionName`), so each name is one person, in whichever role.",
        },
        model.PlainBuckets: _BUCKETS,
        model.Buckets: {**_BUCKETS, "not": _NOT},
        model.Requirement: {
            "unless": "Conditions that lift the requirement if all of them are met.",
            "on_violation": "What a violation leads to: `hold` or `cancel`. Default: the statement's `on_violation`.",
            "grace": "With `on_violation: cancel`: the grace period, such as `5m`, counted from SuspendedDate. Until"
            " it is over, the violation only holds the job. Default: `cancel_grace`.",
            "message": "1 to 100 printable ASCII characters, written into the reason on the job if there is room.",
        },
        model.Policy: {
            **_STATEMENT,
            "require": "All of these must be met before the job is approved. `[]`, which has to be written out: the"
            " match is"
            " enough.",
        },
        model.Guardrail: {
            **_STATEMENT,
            "require": "All of these must be met, or the job is not approved, whatever policies allow.",
        },
        model.Exemption: {
            "name": "Unique among policies, guardrails, exceptions and budgets, at most 64 characters.",
            "lifts": "Names of policies and guardrails; the exception lifts each of their requirements.",
            "match": "The jobs to which the exception applies: those that meet all of these conditions.",
            "expires": "The last day on which the exception applies, `YYYY-MM-DD`, until its end in `timezone`.",
            "because": "Why the exception exists, for readers: a ticket, a name.",
            "timezone": "The IANA time zone in which the last day ends, such as `Europe/Berlin`. Default: UTC.",
        },
        model.EachTag: {"tag": "The tag's key."},
        model.Budget: {
            "name": "Unique among budgets, policies, guardrails and exceptions, at most 64 characters. What is used is"
            " recorded by this name: a renamed budget starts at zero.",
            "per": "`day`, `week` (from Monday) or `month`, in the calendar of `timezone`.",
            "each": "What is counted separately: each `account`, `region`, `role` or `operation`, or each value of a"
            " tag, as `{tag: team}`. Default: all jobs are counted together.",
            "timezone": "The IANA time zone at whose midnight periods begin, such as `Europe/Berlin`. Default: UTC.",
            "jobs": "At most this many jobs in a period.",
            "objects": "At most this many objects in the manifests of a period's jobs.",
            "object_bytes": "At most this many bytes of objects in a period.",
            "cost": "At most this many US dollars in a period, as `cost` estimates them by `prices`; up to four"
            " decimals.",
        },
        model.OpenRow: {
            "days": "Weekdays, by local date. A row has `days` or `dates`.",
            "dates": "Dates and ranges `FIRST..LAST` (both included), such as `2026-12-24` or, for every year,"
            " `12-24`.",
            "from": 'When the window opens, `"00:00"` to `"23:59"` local time. With `to`, or neither for whole days.',
            "to": 'When it closes, up to `"24:00"`, not included. Before `from`: on the next day; the window belongs'
            " to the day it starts on.",
        },
        model.CalendarForm: {
            "timezone": "The IANA time zone of the rows, such as `Europe/Berlin`.",
            "open": "Rows; the calendar is open while any of them is.",
            "closed": "Dates and ranges on which no window starts and the calendar is never open.",
        },
        model.Prices: {
            "job": "For one job.",
            "million_objects": "For a million objects that S3 Batch Operations processes.",
            "million_requests": "For a million requests of an operation, by the operation's name. One request is"
            " counted for each object.",
            "gibibyte": "For a gibibyte of the objects' own sizes, by the operation's name or, for"
            " `S3InitiateRestoreObject`, by operation and tier: `S3InitiateRestoreObject.BULK`. An operation that is"
            " not named here is not priced by size.",
        },
        model.PolicyDocument: {
            "version": "The version of the policy language: 1.",
            "mode": "`enforce`, or `shadow`: every job is evaluated and recorded, and none is changed.",
            "unmatched": "What happens to a job that no policy matches: `hold` it until a person decides, or `cancel`"
            " it.",
            "ungated_jobs": "What happens to a job that was created without asking for confirmation, and so runs at"
            " once:"
            " `report` it, or `cancel` it if requirements are known to be violated.",
            "cancel_grace": "How long a job has to be Suspended before a violation cancels it, such as `5m`; until"
            " then it is"
            " held, because tags may arrive after the job is suspended. `0s`: it is cancelled at once.",
            "cancel_held_after": "Cancel a job after it has been held this long, for example `21d`. Only time"
            " during which every reason for the hold was known counts; time in which something could not be read, a"
            " pause and an outage of the gate do not count. Never before a grace period is over. Default: never.",
            "approvals": "Whose approvals lift a hold. A `manual_approval` without its own `by` or `not_requester` uses"
            " these. Default: one approval of anybody who may call the gate's API.",
            "lists": "Named lists of values, used as `{list: NAME}`; shared by all files of a directory.",
            "prices": "US dollars, by which `cost` and budgets estimate what a job costs. Up to four decimals.",
            "calendars": "Named time windows, used by `window`.",
            "budgets": f"How much may be approved in a period, used by `budget`; at most {model.BUDGETS_AT_MOST}.",
            "guardrails": "Statements that restrict what they match and never approve.",
            "policies": "Statements that may approve the jobs that they match.",
            "exceptions": "Exceptions from requirements, each with an end date and a reason.",
        },
    }
)
"""By the struct of the model, and the key as a document writes it."""
