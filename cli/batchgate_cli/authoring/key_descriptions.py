"""Every key of the policy language but the checks in words, for editors and for the reference page.

Texts are Markdown. A key that the model has and this table lacks fails a test.
"""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec import Struct

from batchgate.policy import model

_TEXT_LIST = "The name of one of the document's `lists`: any of its values."
_GLOB = (
    "A pattern with the shell's classes, for what must have a form: `[0-9]`, `[a-z]`, `[!x]` beside `*` and `?`. A"
    " glob does not count as naming an operation, which matters for operations that this version does not know."
)
_NOT = "Anything that may stand here, once: its exact complement. What is unknown or unmeasurable stays so."
_PRESENT = "`true`: there is a value, even an empty one. `false`: S3 answered, and there is none."
_AT_LEAST = "The lowest number that is fine."
_AT_MOST = "The highest number that is fine."
_ANY_BUCKET = "At least one of the buckets matches. Of no buckets at all: violated."
_ONLY_BUCKET = "Every one of the buckets matches. Of no buckets at all: met."
_NO_BUCKET = "None of the buckets matches. Of no buckets at all: met."

_BEFORE = "Earlier than this: a date, which means its first instant in UTC, or an instant with its offset."
_AFTER = "At this or later, written as for `before`."
_WITHIN = (
    "No later than this long after the job's creation, such as `365d`, `12h`, `30m` or `10s`; earlier times meet it,"
    " too."
)
_ELEMENTS = (
    " Of a list of structures: sub-paths with tests, all of which one element must meet. Of a list of texts: a"
    " pattern, a list of them (any), `{glob: ...}` or `{list: NAME}`."
)

_STATEMENT = {
    "name": "Unique among policies, guardrails and exceptions, at most 64 characters. It is written into the reason on"
    " the job.",
    "description": "For people; it changes nothing.",
    "mode": "`shadow`: as if absent, and the trace says what it would do. The weaker of this and the set's mode"
    " counts.",
    "match": "Which jobs this governs: all of these conditions. Left away: every job.",
    "on_violation": "What the violation of a requirement leads to that does not say so itself: `hold` (default) or"
    " `cancel`.",
}
_REPORT = {
    "enabled": "Whether S3 writes a completion report.",
    "scope": "`AllTasks` or `FailedTasksOnly`.",
    "bucket": "The report's bucket, by its name. Names are global: without `expected_bucket_owner` a stranger's bucket"
    " of that name may be it.",
    "prefix": "Where in the bucket.",
    "format": "`Report_CSV_20180820`.",
    "expected_bucket_owner": 'The account that the job says owns the report\'s bucket, as `"${account}"`: S3 writes no'
    " report into anybody else's.",
    "present": "Whether the job has a report structure at all.",
}
_MANIFEST = {
    "format": "Such as `S3BatchOperations_CSV_20180820` or `S3InventoryReport_CSV_*`.",
    "bucket": "The bucket in which the manifest lies, by its name.",
    "key": "The manifest's key in that bucket.",
    "version": "The version of the manifest object that the job names. `{present: true}`: it names one.",
    "generated": "`true`: S3 makes the list by a generator. `false`: the requester supplied it.",
    "stored": "Whether the list is kept. One that the requester supplied is.",
    "bytes": "The size of the manifest object itself, not of the objects it lists.",
}
_BUCKETS = {"any": _ANY_BUCKET, "only": _ONLY_BUCKET, "none": _NO_BUCKET}
_NAMES = {"list": _TEXT_LIST, "glob": _GLOB}
_TEXT_TERM = {**_NAMES, "present": _PRESENT}
_RANGE = {"at_least": _AT_LEAST, "at_most": _AT_MOST}
_ELEMENT_TERM = {**_RANGE, **_TEXT_TERM, "before": _BEFORE, "after": _AFTER, "within": _WITHIN}
_PARAMETER_TERM = {
    **_ELEMENT_TERM,
    "any": f"At least one element passes. Of an empty or absent list: violated.{_ELEMENTS}",
    "only": f"Every element passes. Of an empty or absent list: met.{_ELEMENTS}",
    "none": f"No element passes. Of an empty or absent list: met.{_ELEMENTS}",
}

JOINING: Mapping[str, str] = MappingProxyType(
    {
        "any": "One of these conditions is enough. The only place where a list means *or*.",
        "all": "All of these conditions; needed inside `any` only.",
    }
)
"""The keys of a condition that are no checks."""

KEYS: Mapping[type[Struct], Mapping[str, str]] = MappingProxyType(
    {
        model.PlainTextTerm: _TEXT_TERM,
        model.TextTerm: {**_TEXT_TERM, "not": _NOT},
        model.PlainRange: _RANGE,
        model.Range: {**_RANGE, "not": _NOT},
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
        model.PlainBuckets: _BUCKETS,
        model.Buckets: {**_BUCKETS, "not": _NOT},
        model.Requirement: {
            "unless": "Conditions that lift the requirement: it holds, or all of these do.",
            "on_violation": "What its violation leads to: `hold` or `cancel`. Left away: what the statement says.",
            "grace": "Beside `on_violation: cancel`: the grace period, such as `5m`, counted from SuspendedDate. Until"
            " it is over the violation holds the job. Default: `cancel_grace`.",
            "message": "1 to 100 printable ASCII characters, written into the reason on the job where they fit.",
        },
        model.Policy: {
            **_STATEMENT,
            "require": "All of these, so that the job may be approved. `[]`: the match is enough; it must be written.",
        },
        model.Guardrail: {
            **_STATEMENT,
            "require": "All of these, or the job is not approved, whatever policies say.",
        },
        model.Exemption: {
            "name": "Unique among policies, guardrails and exceptions, at most 64 characters.",
            "lifts": "Names of policies and guardrails, each of whose requirements gains this `unless`.",
            "match": "The jobs that it is for: all of these conditions.",
            "expires": "The last day, `YYYY-MM-DD`: through its end by the clock of `timezone`.",
            "because": "Why, for whoever finds it: a ticket, a name.",
            "timezone": "The IANA time zone whose clock ends the last day, such as `Europe/Berlin`. Left away: UTC.",
        },
        model.OpenRow: {
            "days": "Weekdays, by local date. A row has `days` or `dates`.",
            "dates": "Dates and ranges `FIRST..LAST` (both included), as `2026-12-24` or, for every year, `12-24`.",
            "from": 'When the window opens, `"00:00"` to `"23:59"` local time. With `to`, or neither for whole days.',
            "to": 'When it closes, up to `"24:00"`, not included. Before `from`: on the next day; the window belongs'
            " to the day it starts on.",
        },
        model.CalendarForm: {
            "timezone": "An IANA time zone such as `Europe/Berlin`; its clock is what the rows mean.",
            "open": "Rows; the calendar is open where any of them is.",
            "closed": "Dates and ranges on which no window starts and nothing is open.",
        },
        model.PolicyDocument: {
            "version": "The version of the policy language: 1.",
            "mode": "`enforce`, or `shadow`: evaluate and record every job, act on none.",
            "unmatched": "What becomes of a job that no policy matches: `hold` it for a person, or `cancel` it.",
            "ungated_jobs": "A job created without asking for confirmation runs at once: `report` it, or `cancel`"
            " it where requirements are known to be violated.",
            "cancel_grace": "How long a job is suspended before a violation cancels it, as `5m`; until then it is held."
            " Tags may arrive after the job is suspended. `0s`: at once.",
            "cancel_held_after": "Cancel a job after it has been held this long, for example `21d`. Only time"
            " during which every reason for the hold was known counts: not time in which something could not be read,"
            " a pause, nor an outage of the gate. Never before a grace is over. Default: never.",
            "lists": "Named lists of values, used as `{list: NAME}`; shared by all files of a directory.",
            "calendars": "Named time windows, used by `window`.",
            "guardrails": "Statements that restrict what they match and never approve.",
            "policies": "Statements that may approve the jobs they match.",
            "exceptions": "Dated exceptions from requirements: an `unless` kept apart, with an end and a reason.",
        },
    }
)
"""By the struct of the model, and the key as a document writes it."""
