"""What a policy document may not say: every error of the language, told with its path and what was expected."""

import json
import random
import subprocess
import sys
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from batchgate.errors import PolicyError, Problem
from batchgate.policy.compile import compile_policies
from batchgate.policy.validation import find_problems
from batchgate.text import shorten
from tests.unit.everything import EVERYTHING, WrittenPath, at, everything, places, shown, with_value, without
from tests.unit.examples import Written, document
from tests.unit.strategies import json_values

CALENDAR: Written = {"timezone": "UTC", "open": [{"days": ["mon"]}]}
NESTED_THRICE = {"any": [{"all": [{"any": [{"region": "eu-*"}]}]}]}


def problems(written: object) -> list[tuple[str, str]]:
    """List where and what is wrong, as told to people."""
    return [(problem.where, problem.message) for problem in find_problems(written)]


def required(*require: Any, **parts: Any) -> Written:
    """Write a document that requires this, with a calendar and a list to refer to."""
    return document(*require, **{"lists": {"l": ["a"], "w": ["nights"]}, "calendars": {"nights": CALENDAR}, **parts})


def policies(*written: Any, **parts: Any) -> Written:
    """Write a document with these policies."""
    return {"version": 1, "policies": list(written), **parts}


def opened(**row: Any) -> Written:
    """Write a document with a calendar that has this row."""
    return document(calendars={"c": {"timezone": "UTC", "open": [row]}})


def excepted(**changed: Any) -> Written:
    """Write a document with an exception, changed so."""
    exception = {"name": "e", "lifts": ["p"], "match": [{"region": "*"}], "expires": "2026-03-31", "because": "x"}
    return document({"region": "*"}, exceptions=[{**exception, **changed}])


R0 = "policies[0].require[0]"

ONE_PROBLEM: dict[str, tuple[Any, str, str]] = {
    # the document
    "nothing": (None, "", "expected a mapping with version, mode, .*, got nothing"),
    "a list": ([], "", "expected a mapping with version"),
    "text": ("version: 1", "", "expected a mapping with version"),
    "no version": ({"policies": [{"name": "p", "require": []}]}, "", "version is missing"),
    "another version": (document(version=2), "version", "expected 1, got the number 2"),
    "a version that is true": (document(version=True), "version", "expected 1, got true"),
    "a version in quotes": (document(version="1"), "version", 'expected 1, got "1"'),
    "a fraction for a version": (document(version=1.0), "version", "expected 1"),
    "an unknown key": (document(polices=[]), "polices", "unknown key; did you mean policies"),
    "a key unlike any": (document(zzz=1), "zzz", "unknown key; known here: version, mode, "),
    "a mode that is none": (document(mode="shadows"), "mode", 'expected enforce or shadow, got "shadows"; .*shadow'),
    "unmatched approve": (document(unmatched="approve"), "unmatched", 'expected hold or cancel, got "approve"'),
    "ungated hold": (document(ungated_jobs="hold"), "ungated_jobs", "expected report or cancel"),
    "days without d": (document(cancel_held_after=21), "cancel_held_after", "expected a duration such as 21d"),
    "zero days": (document(cancel_held_after="0d"), "cancel_held_after", "expected a duration such as 21d"),
    "weeks": (document(cancel_held_after="3w"), "cancel_held_after", "expected a duration such as 21d"),
    "days and a newline": (document(cancel_held_after="21d\n"), "cancel_held_after", "expected a duration such as 21d"),
    "a grace of half an hour": (document(cancel_grace="0.5h"), "cancel_grace", "expected a duration such as 0s"),
    "a grace without a unit": (document(cancel_grace="300"), "cancel_grace", "expected a duration such as 0s"),
    "a grace as a number": (document(cancel_grace=0), "cancel_grace", "expected a duration such as 0s"),
    "a grace with a leading zero": (document(cancel_grace="05m"), "cancel_grace", "expected a duration such as 0s"),
    "a grace as long as history": (
        document(cancel_grace="1000000000d"),
        "cancel_grace",
        "expected a duration such as 0s",
    ),
    "a grace beside hold": (
        policies({"name": "p", "require": [{"region": "*", "grace": "1h"}]}),
        f"{R0}.grace",
        "grace is allowed only beside on_violation: cancel",
    ),
    "a grace beside hold under cancel": (
        policies(
            {
                "name": "p",
                "require": [{"region": "*", "grace": "1h", "on_violation": "hold"}],
                "on_violation": "cancel",
            }
        ),
        f"{R0}.grace",
        "grace is allowed only beside on_violation: cancel",
    ),
    "a grace beside a person": (
        policies({"name": "p", "require": [{"manual_approval": "required", "grace": "1h"}], "on_violation": "cancel"}),
        f"{R0}.grace",
        "grace is allowed only beside on_violation: cancel",
    ),
    "too many calendars": (
        document(calendars={f"c{n}": {"timezone": "UTC", "open": [{"days": ["mon"]}]} for n in range(257)}),
        "calendars",
        "expected at most 256 calendars, got 257",
    ),
    # empty lists
    "no policies": (document(policies=[]), "policies", "expected at least one item, got an empty list"),
    "no guardrails": (document(guardrails=[]), "guardrails", "expected at least one item, got an empty list"),
    "no exceptions": (document(exceptions=[]), "exceptions", "expected at least one item, got an empty list"),
    "an empty match": (policies({"name": "p", "match": [], "require": []}), "policies[0].match", "at least one item"),
    "a guardrail that requires nothing": (
        document(guardrails=[{"name": "g", "require": []}]),
        "guardrails[0].require",
        "expected at least one item, got an empty list",
    ),
    "an empty unless": (required({"region": "x", "unless": []}), f"{R0}.unless", "at least one item"),
    "an empty any": (required({"any": []}), f"{R0}.any", "at least one item"),
    "an empty all": (required({"all": []}), f"{R0}.all", "at least one item"),
    "no values": (required({"region": []}), f"{R0}.region", "at least one item"),
    "no denied values": (required({"region": {"not": []}}), f"{R0}.region.not", "at least one item"),
    "no buckets": (required({"source_buckets": {"any": []}}), f"{R0}.source_buckets.any", "at least one item"),
    "no bucket words": (required({"source_buckets": {}}), f"{R0}.source_buckets", "expected at least one test"),
    "no bucket words in not": (
        required({"source_buckets": {"not": {}}}),
        f"{R0}.source_buckets.not",
        "expected at least one test, got none",
    ),
    "nothing of the report": (required({"report": {}}), f"{R0}.report", "expected at least one test, got none"),
    "nothing of the manifest": (required({"manifest": {}}), f"{R0}.manifest", "expected at least one test, got none"),
    "no tags": (required({"tags": {}}), f"{R0}.tags", "expected at least one key, got none"),
    "no parameters": (
        required({"operation_parameters": {}}),
        f"{R0}.operation_parameters",
        "expected at least one key, got none",
    ),
    "no parameter values": (
        required({"operation_parameters": {"A.B": []}}),
        f"{R0}.operation_parameters.A.B",
        "at least one item",
    ),
    "an empty list": (document(lists={"l": []}), "lists.l", "expected at least one item, got an empty list"),
    "a calendar without rows": (
        document(calendars={"c": {"timezone": "UTC", "open": []}}),
        "calendars.c.open",
        "at least one item",
    ),
    "no closed dates": (
        document(calendars={"c": {**CALENDAR, "closed": []}}),
        "calendars.c.closed",
        "at least one item",
    ),
    "no days": (opened(days=[]), "calendars.c.open[0].days", "at least one item"),
    "no dates": (opened(dates=[]), "calendars.c.open[0].dates", "at least one item"),
    "lifts nothing": (excepted(lifts=[]), "exceptions[0].lifts", "at least one item"),
    "matches nothing": (excepted(match=[]), "exceptions[0].match", "at least one item"),
    # statements
    "a policy without require": (policies({"name": "p"}), "policies[0]", "require is missing"),
    "require of nothing": (
        policies({"name": "p", "require": None}),
        "policies[0].require",
        "expected a list .*nothing",
    ),
    "a guardrail without require": (document(guardrails=[{"name": "g"}]), "guardrails[0]", "require is missing"),
    "a policy without a name": (policies({"require": []}), "policies[0]", "name is missing"),
    "an empty name": (policies({"name": "", "require": []}), "policies[0].name", "expected 1 to 64 characters, got"),
    "a number for a name": (policies({"name": 5, "require": []}), "policies[0].name", 'write it in quotes: "5"'),
    "a policy that is a mapping": (
        {"version": 1, "policies": {"name": "p", "require": []}},
        "policies",
        "expected a list of items, .*, got a mapping with name, require; put `- ` before it",
    ),
    "a require that is a mapping": (
        policies({"name": "p", "require": {"region": "x"}}),
        "policies[0].require",
        "put `- ` before it",
    ),
    "a policy that unmatches": (
        policies({"name": "p", "require": [], "unmatched": "hold"}),
        "policies[0].unmatched",
        "unknown key",
    ),
    "violated by approving": (
        policies({"name": "p", "require": [], "on_violation": "approve"}),
        "policies[0].on_violation",
        'expected hold or cancel, got "approve"',
    ),
    "on_violation in a match": (
        policies({"name": "p", "match": [{"region": "x", "on_violation": "hold"}], "require": []}),
        "policies[0].match[0].on_violation",
        "unknown key",
    ),
    "unless in a match": (
        policies({"name": "p", "match": [{"region": "x", "unless": [{"region": "y"}]}], "require": []}),
        "policies[0].match[0].unless",
        "unknown key",
    ),
    "a message in a condition": (
        required({"any": [{"region": "x", "message": "y"}]}),
        f"{R0}.any[0].message",
        "unknown key",
    ),
    "unless in an unless": (
        required({"region": "x", "unless": [{"region": "y", "unless": [{"region": "z"}]}]}),
        f"{R0}.unless[0].unless",
        "unknown key",
    ),
    "an empty message": (required({"region": "x", "message": ""}), f"{R0}.message", "1 to 100 printable ASCII"),
    "a long message": (required({"region": "x", "message": "y" * 101}), f"{R0}.message", "1 to 100 printable ASCII"),
    "a message in two lines": (required({"region": "x", "message": "y\n"}), f"{R0}.message", "printable ASCII"),
    "a message beyond ASCII": (required({"region": "x", "message": "grün"}), f"{R0}.message", "printable ASCII"),
    # names
    "a policy named twice": (
        policies({"name": "p", "require": []}, {"name": "p", "require": []}),
        "policies[1].name",
        r'the name "p" is already used by policies\[0\]\.name',
    ),
    "a guardrail named as a policy": (
        document(guardrails=[{"name": "p", "require": [{"region": "x"}]}]),
        "guardrails[0].name",
        r'the name "p" is already used by policies\[0\]\.name',
    ),
    "an exception named as a policy": (excepted(name="p"), "exceptions[0].name", 'the name "p" is already used by'),
    # conditions
    "no check": (required({}), R0, "expected one check, any or all; got nothing"),
    "only a message": (required({"message": "x"}), R0, "expected one check, any or all; got message"),
    "two checks in one item": (
        required({"region": "x", "account": "y"}),
        R0,
        "expected one check per item, got region, account; make each a separate item",
    ),
    "a check beside any": (
        required({"any": [{"region": "x"}], "region": "x"}),
        R0,
        "one check per item, got any, region",
    ),
    "an unknown check": (required({"regions": "x"}), f"{R0}.regions", "unknown key; did you mean region"),
    "a condition that is text": (required("nights"), R0, "expected a mapping with any, all, operation"),
    "nested thrice": (required(NESTED_THRICE), f"{R0}.any[0].all[0].any", "any and all may be nested at most 2 deep"),
    "nested thrice in a match": (
        policies({"name": "p", "match": [NESTED_THRICE], "require": []}),
        "policies[0].match[0].any[0].all[0].any",
        "any and all may be nested at most 2 deep",
    ),
    "nested thrice in an unless": (
        required({"region": "x", "unless": [NESTED_THRICE]}),
        f"{R0}.unless[0].any[0].all[0].any",
        "any and all may be nested at most 2 deep",
    ),
    "nested thrice in an exception": (
        excepted(match=[NESTED_THRICE]),
        "exceptions[0].match[0].any[0].all[0].any",
        "any and all may be nested at most 2 deep",
    ),
    # manual approval
    "manual approval with on_violation": (
        required({"manual_approval": "required", "on_violation": "cancel"}),
        f"{R0}.on_violation",
        "manual_approval is never violated, the job waits for it",
    ),
    "manual approval in a match": (
        policies({"name": "p", "match": [{"manual_approval": "required"}], "require": []}),
        "policies[0].match[0].manual_approval",
        "allowed only in require",
    ),
    "manual approval deep in a match": (
        policies({"name": "p", "match": [{"any": [{"all": [{"manual_approval": "required"}]}]}], "require": []}),
        "policies[0].match[0].any[0].all[0].manual_approval",
        "allowed only in require",
    ),
    "manual approval in an unless": (
        required({"region": "x", "unless": [{"manual_approval": "required"}]}),
        f"{R0}.unless[0].manual_approval",
        "allowed only in require",
    ),
    "manual approval in an exception": (
        excepted(match=[{"manual_approval": "required"}]),
        "exceptions[0].match[0].manual_approval",
        "allowed only in require",
    ),
    "manual approval of something": (
        required({"manual_approval": True}),
        f"{R0}.manual_approval",
        "expected required or a mapping with by, at_least, not_requester, got true",
    ),
    "manual approval denied": (
        required({"manual_approval": {"not": "required"}}),
        f"{R0}.manual_approval.not",
        "an approval can't be denied",
    ),
    "manual approval beside another way": (
        required({"any": [{"all": [{"manual_approval": "required"}]}, {"region": "x"}]}),
        f"{R0}.any[0].all[0].manual_approval",
        "allowed only outside any; make it a requirement of its own, or write the alternative as its unless",
    ),
    "manual approval of nobody": (
        required({"manual_approval": {}}),
        f"{R0}.manual_approval",
        "expected by, at_least or not_requester",
    ),
    "no approval": (
        required({"manual_approval": {"at_least": 0}}),
        f"{R0}.manual_approval.at_least",
        "expected a whole number >= 1, got the number 0",
    ),
    "approvers that are none": (
        required({"manual_approval": {"by": []}}),
        f"{R0}.manual_approval.by",
        "expected at least one item",
    ),
    "approvers denied": (
        required({"manual_approval": {"by": {"not": "x"}}}),
        f"{R0}.manual_approval.by.not",
        "unknown key",
    ),
    "approvers of an unknown list": (
        required({"manual_approval": {"by": {"list": "people"}}}),
        f"{R0}.manual_approval.by.list",
        'no list is named "people"',
    ),
    "approvers with another placeholder": (
        required({"manual_approval": {"by": "arn:aws:sts::${owner}:*"}}),
        f"{R0}.manual_approval.by",
        r"expected one of \$\{account\}",
    ),
    "trusted names in a requirement": (
        required({"manual_approval": {"session_names": "trusted"}}),
        f"{R0}.manual_approval.session_names",
        "session_names belongs in approvals, at the top of the file",
    ),
    "approvals of nobody": (document(approvals={}), "approvals", "expected at least one of by, at_least"),
    "approvals in words": (
        document(approvals="*:assumed-role/lake-oncall/*"),
        "approvals",
        r'write \{by: \["\*:assumed-role/lake-oncall/\*"\]\}',
    ),
    "approvals as a number": (document(approvals=2), "approvals", r"write \{at_least: 2\}"),
    "names trusted by a flag": (
        document(approvals={"session_names": True}),
        "approvals.session_names",
        "expected trusted, got true; write trusted",
    ),
    "a requester that may not": (
        document(approvals={"not_requester": "yes"}),
        "approvals.not_requester",
        "write true",
    ),
    # text
    "an account id that is a number": (
        required({"account": 111111111111}),
        f"{R0}.account",
        'got the number 111111111111; write it in quotes: "111111111111"',
    ),
    "account ids that are numbers": (
        required({"account": ["222222222222", 111111111111]}),
        f"{R0}.account[1]",
        'write it in quotes: "111111111111"',
    ),
    "a list of account ids that are numbers": (
        document(lists={"sandboxes": [111111111111]}),
        "lists.sandboxes[0]",
        'write it in quotes: "111111111111"',
    ),
    "a list that is text": (
        document(lists={"l": "a"}),
        "lists.l",
        'expected a list of items, each text or {glob: PATTERN}, got "a"',
    ),
    "a boolean for text": (required({"region": True}), f"{R0}.region", "got true"),
    "nothing for text": (required({"region": None}), f"{R0}.region", "got nothing"),
    "not twice": (required({"region": {"not": {"not": "x"}}}), f"{R0}.region.not.not", "inside not; write region: x"),
    "not around tags, whose key is a number": (
        required({"tags": {"not": {5: "lake"}}}),
        f"{R0}.tags.not.5",
        'write not at the tag: {"5": {not: lake}}',
    ),
    "two tests of text": (
        required({"region": {"not": "x", "present": True}}),
        f"{R0}.region",
        "expected exactly one kind of test here, got not, present",
    ),
    "no test of text": (
        required({"region": {}}),
        f"{R0}.region",
        "expected exactly one kind of test here, got nothing",
    ),
    "a range of text": (required({"region": {"at_most": 5}}), f"{R0}.region.at_most", "unknown key"),
    "an unknown placeholder": (
        required({"region": "${accounts}"}),
        f"{R0}.region",
        r'expected one of \$\{account\}, \$\{region\}, \$\{partition\}, got "\$\{accounts\}"',
    ),
    "an unclosed placeholder": (required({"region": ["a", "x${account"]}), f"{R0}.region[1]", "expected one of"),
    "an empty placeholder": (required({"tags": {"a": "${}"}}), f"{R0}.tags.a", "expected one of"),
    "a placeholder in another case": (required({"role": {"not": "${Account}"}}), f"{R0}.role.not", "expected one of"),
    "a placeholder of the requester": (
        required({"operation_parameters": {"A.B": [1, "${tags.a}"]}}),
        f"{R0}.operation_parameters.A.B[1]",
        "expected one of",
    ),
    "a placeholder in a bucket": (
        required({"source_buckets": {"any": ["${job}"]}}),
        f"{R0}.source_buckets.any[0]",
        "expected one of",
    ),
    "a placeholder in a list": (document(lists={"l": ["${x}"]}), "lists.l[0]", "expected one of"),
    # numbers
    "a negative size": (required({"total_tasks": {"at_most": -1}}), f"{R0}.total_tasks.at_most", "whole number >= 0"),
    "a bare number": (
        required({"total_tasks": 5}),
        f"{R0}.total_tasks",
        "expected a mapping with .*, got the number 5",
    ),
    "a fraction": (required({"total_tasks": {"at_most": 1.5}}), f"{R0}.total_tasks.at_most", "whole number >= 0"),
    "a size in words": (required({"total_tasks": {"at_most": "1e6"}}), f"{R0}.total_tasks.at_most", 'got "1e6"'),
    "a true size": (required({"priority": {"at_least": True}}), f"{R0}.priority.at_least", "got true"),
    "no ends": (required({"total_tasks": {}}), f"{R0}.total_tasks", "exactly one kind of test here, got nothing"),
    "a range and its denial": (
        required({"total_tasks": {"at_most": 5, "not": {"at_most": 6}}}),
        f"{R0}.total_tasks",
        "exactly one kind of test",
    ),
    "a presence of a size": (required({"total_tasks": {"present": True}}), f"{R0}.total_tasks.present", "unknown key"),
    "a denied number": (required({"total_tasks": {"not": 5}}), f"{R0}.total_tasks.not", "expected a mapping"),
    # operation parameters
    "a parameter that is a fraction": (
        required({"operation_parameters": {"A.B": 1.5}}),
        f"{R0}.operation_parameters.A.B",
        "got the number 1.5",
    ),
    "a parameter that is nothing": (
        required({"operation_parameters": {"A.B": None}}),
        f"{R0}.operation_parameters.A.B",
        "got nothing",
    ),
    "a parameter tested twice": (
        required({"operation_parameters": {"A.B": {"at_most": 5, "present": True}}}),
        f"{R0}.operation_parameters.A.B",
        "exactly one kind of test",
    ),
    "an empty path": (
        required({"operation_parameters": {"": "x"}}),
        f"{R0}.operation_parameters.",
        "expected a dotted path such as LambdaInvoke.FunctionArn",
    ),
    "a path with an empty step": (
        required({"operation_parameters": {"A..B": "x"}}),
        f"{R0}.operation_parameters.A..B",
        "expected a dotted path",
    ),
    # buckets
    "buckets without a word": (required({"source_buckets": "lake"}), f"{R0}.source_buckets", "mapping with any, only"),
    "buckets in a list": (required({"source_buckets": ["lake"]}), f"{R0}.source_buckets", "mapping with any, only"),
    "bucket words beside not": (
        required({"source_buckets": {"any": "a", "not": {"any": "b"}}}),
        f"{R0}.source_buckets.not",
        "not must be the only key here",
    ),
    "not in a bucket word": (
        required({"source_buckets": {"any": {"not": "a"}}}),
        f"{R0}.source_buckets.any.not",
        "unknown key",
    ),
    "presence in a bucket word": (
        required({"destination_buckets": {"any": {"present": True}}}),
        f"{R0}.destination_buckets.any.present",
        "unknown key",
    ),
    "all of the buckets": (
        required({"source_buckets": {"all": "x"}}),
        f"{R0}.source_buckets.all",
        "unknown key; known here: any, only, none, not",
    ),
    # report and manifest
    "report words beside not": (
        required({"report": {"enabled": True, "not": {"enabled": False}}}),
        f"{R0}.report.not",
        "not must be the only key here",
    ),
    "report words beside present": (
        required({"report": {"enabled": True, "present": True}}),
        f"{R0}.report.present",
        "present must be the only key here",
    ),
    "not twice in a report": (
        required({"report": {"not": {"scope": {"not": "All*"}}}}),
        f"{R0}.report.not.scope.not",
        "not can't be used inside not",
    ),
    "not twice in a manifest": (
        required({"manifest": {"not": {"bytes": {"not": {"at_most": 5}}}}}),
        f"{R0}.manifest.not.bytes.not",
        "not can't be used inside not",
    ),
    "a manifest that is there": (required({"manifest": {"present": True}}), f"{R0}.manifest.present", "unknown key"),
    "a report enabled yes": (
        required({"report": {"enabled": "yes"}}),
        f"{R0}.report.enabled",
        "expected true or false",
    ),
    "bytes that are a number": (required({"manifest": {"bytes": 5}}), f"{R0}.manifest.bytes", "expected a mapping"),
    # references
    "an unknown list": (required({"region": {"list": "k"}}), f"{R0}.region.list", 'no list is named "k"; known: l, w'),
    "an unknown list in not": (
        required({"region": {"not": {"list": "k"}}}),
        f"{R0}.region.not.list",
        'no list is named "k"',
    ),
    "an unknown list of parameters": (
        required({"operation_parameters": {"A.B": {"list": "k"}}}),
        f"{R0}.operation_parameters.A.B.list",
        'no list is named "k"',
    ),
    "an unknown list of buckets": (
        required({"source_buckets": {"only": {"list": "k"}}}),
        f"{R0}.source_buckets.only.list",
        'no list is named "k"',
    ),
    "an unknown list for a tag named window": (
        required({"tags": {"window": {"list": "k"}}}),
        f"{R0}.tags.window.list",
        'no list is named "k"',
    ),
    "an unknown list for a parameter named window": (
        required({"operation_parameters": {"window": {"not": {"list": "k"}}}}),
        f"{R0}.operation_parameters.window.not.list",
        'no list is named "k"',
    ),
    "an unknown list of calendars": (required({"window": {"list": "k"}}), f"{R0}.window.list", 'no list is named "k"'),
    "an unknown denied list of calendars": (
        required({"window": {"not": {"list": "k"}}}),
        f"{R0}.window.not.list",
        'no list is named "k"',
    ),
    "a list of what are no calendars": (
        required({"window": {"list": "l"}}),
        f"{R0}.window.list",
        'no calendar is named "a"; known: nights',
    ),
    "an unknown calendar": (
        required({"window": "night"}),
        f"{R0}.window",
        'no calendar is named "night"; did you mean nights',
    ),
    "an unknown calendar in a list": (required({"window": ["nights", "x"]}), f"{R0}.window[1]", "no calendar is named"),
    "an unknown denied calendar": (required({"window": {"not": "x"}}), f"{R0}.window.not", "no calendar is named"),
    "an unknown calendar among denied ones": (
        required({"window": {"not": ["nights", "x"]}}),
        f"{R0}.window.not[1]",
        "no calendar is named",
    ),
    "a calendar by a pattern": (required({"window": "night*"}), f"{R0}.window", "no calendar is named"),
    "a window that is present": (
        required({"window": {"present": True}}),
        f"{R0}.window.present",
        "window takes the names of calendars and has no present",
    ),
    "a window that is not present": (
        required({"window": {"not": {"present": True}}}),
        f"{R0}.window.not.present",
        "present",
    ),
    "a window of times": (
        required({"window": {"from": "22:00", "to": "06:00"}}),
        f"{R0}.window.from",
        "unknown key; define a calendar under calendars",
    ),
    "lifts what is not there": (
        excepted(lifts=["p", "q"]),
        "exceptions[0].lifts[1]",
        'no policy or guardrail is named "q"',
    ),
    "lifts itself": (excepted(lifts=["e"]), "exceptions[0].lifts[0]", 'no policy or guardrail is named "e"'),
    "lifts text": (excepted(lifts="p"), "exceptions[0].lifts", "expected a list of items, each text"),
    # exceptions
    **{
        f"an exception without {key}": (
            without(excepted(), ("exceptions", 0, key)),
            "exceptions[0]",
            f"{key} is missing",
        )
        for key in ("name", "lifts", "match", "expires", "because")
    },
    "no reason": (excepted(because=""), "exceptions[0].because", "expected text that is not empty"),
    "an end that is no date": (
        excepted(expires="never"),
        "exceptions[0].expires",
        "expected a date in the form YYYY-MM-DD",
    ),
    "an end that does not exist": (excepted(expires="2026-02-29"), "exceptions[0].expires", "no leap year"),
    "an end with a time": (
        excepted(expires="2026-03-31T00:00"),
        "exceptions[0].expires",
        "expected a date in the form",
    ),
    "an end by week": (
        excepted(expires="2026-W14-1"),
        "exceptions[0].expires",
        "expected a date in the form YYYY-MM-DD",
    ),
    "an end without dashes": (
        excepted(expires="20260331"),
        "exceptions[0].expires",
        "expected a date in the form YYYY-MM-DD",
    ),
    "an end in other digits": (excepted(expires="٢٠٢٦-03-31"), "exceptions[0].expires", "expected a date in the form"),
    "an end of all years": (
        excepted(expires="03-31"),
        "exceptions[0].expires",
        "expected a date in the form YYYY-MM-DD",
    ),
    "an exception in shadow": (excepted(mode="shadow"), "exceptions[0].mode", "unknown key"),
    # calendars
    "a calendar that is a list": (document(calendars={"c": []}), "calendars.c", "expected a mapping with timezone"),
    "a calendar without a zone": (
        document(calendars={"c": {"open": [{"days": ["mon"]}]}}),
        "calendars.c",
        "timezone is missing",
    ),
    "an unknown zone": (
        document(calendars={"c": {**CALENDAR, "timezone": "Europe/Berln"}}),
        "calendars.c.timezone",
        'expected an IANA time zone .*, got "Europe/Berln"; did you mean Europe/Berlin',
    ),
    "a zone that climbs": (
        document(calendars={"c": {**CALENDAR, "timezone": "../../etc/passwd"}}),
        "calendars.c.timezone",
        "expected an IANA time zone",
    ),
    "neither days nor dates": (
        opened(**{"from": "01:00", "to": "02:00"}),
        "calendars.c.open[0]",
        "expected either days or dates, got from, to",
    ),
    "days and dates": (
        opened(days=["mon"], dates=["12-24"]),
        "calendars.c.open[0]",
        "expected either days or dates, got days, dates",
    ),
    "a day in full": (opened(days=["monday"]), "calendars.c.open[0].days[0]", 'got "monday"; did you mean mon'),
    "a day that is text": (opened(days="mon"), "calendars.c.open[0].days", "expected a list of items"),
    "a date that is text": (opened(dates="12-24"), "calendars.c.open[0].dates", "expected a list of items"),
    "from without to": (
        opened(days=["mon"], **{"from": "01:00"}),
        "calendars.c.open[0]",
        "from and to are used together or not at all",
    ),
    "to without from": (opened(days=["mon"], to="01:00"), "calendars.c.open[0]", "from and to are used together"),
    "from equal to to": (
        opened(days=["mon"], **{"from": "01:00", "to": "01:00"}),
        "calendars.c.open[0].to",
        "from and to are equal",
    ),
    "a closing hour too many": (
        opened(days=["mon"], **{"from": "01:00", "to": "24:01"}),
        "calendars.c.open[0].to",
        'expected a time "HH:MM"',
    ),
    "an opening at 24:00": (
        opened(days=["mon"], **{"from": "24:00", "to": "01:00"}),
        "calendars.c.open[0].from",
        'expected a time "HH:MM" from "00:00" to "23:59"',
    ),
    "a time with seconds": (
        opened(days=["mon"], **{"from": "01:00:00", "to": "02:00"}),
        "calendars.c.open[0].from",
        'expected a time "HH:MM"',
    ),
    "a time that is a number": (
        opened(days=["mon"], **{"from": 1320, "to": "02:00"}),
        "calendars.c.open[0].from",
        'expected a time such as "22:00", got the number 1320',
    ),
    "a date that does not exist": (
        opened(dates=["2026-02-30"]),
        "calendars.c.open[0].dates[0]",
        'expected a day from 01 to 28, got "2026-02-30"',
    ),
    "dates that end before they begin": (
        opened(dates=["2026-12-24..2026-12-23"]),
        "calendars.c.open[0].dates[0]",
        "first date not to be after the last",
    ),
    "a year on one side": (
        opened(dates=["2026-12-24..01-02"]),
        "calendars.c.open[0].dates[0]",
        "a year in both dates or in neither",
    ),
    # limits
    "a name of 65 characters": (
        policies({"name": "n" * 65, "require": []}),
        "policies[0].name",
        "expected 1 to 64 characters, got 65 of them",
    ),
    "an exception of 65 characters": (
        document(
            policies=[{"name": "p", "require": []}],
            exceptions=[
                {"name": "e" * 65, "lifts": ["p"], "match": [{"role": "x"}], "expires": "2026-03-31", "because": "x"}
            ],
        ),
        "exceptions[0].name",
        "expected 1 to 64 characters, got 65 of them",
    ),
    "a list of 65 characters": (document(lists={"l" * 65: ["x"]}), f"lists.{'l' * 65}", "1 to 64 characters, got 65"),
    "a list without a name": (document(lists={"": ["x"]}), "lists.", 'expected 1 to 64 characters, got ""'),
    "a calendar of 65 characters": (
        document(calendars={"c" * 65: CALENDAR}),
        f"calendars.{'c' * 65}",
        "1 to 64 characters, got 65",
    ),
    "a tag of 129 characters": (
        required({"tags": {"k" * 129: "x"}}),
        f"{R0}.tags.{shorten('k' * 129, 80)}",
        "expected 1 to 128 characters, got 129 of them",
    ),
    "a tag without a name": (required({"tags": {"": "x"}}), f"{R0}.tags.", 'expected 1 to 128 characters, got ""'),
    "a value of 257 characters": (
        required({"tags": {"k": "v" * 257}}),
        f"{R0}.tags.k",
        "expected at most 256 characters, got 257 of them",
    ),
    "a value of 257 characters in a list": (
        required({"tags": {"tags": ["v", "v" * 257]}}),
        f"{R0}.tags.tags[1]",
        "expected at most 256 characters, got 257",
    ),
    "a value of 257 characters inside not": (
        required({"any": [{"tags": {"not": {"not": ["v" * 257]}}}]}),
        f"{R0}.any[0].tags.not.not[0]",
        "expected at most 256 characters, got 257",
    ),
    "a value of 257 characters in a named list": (
        document(
            lists={"tickets": ["v", "v" * 257]},
            policies=[{"name": "p", "require": [{"tags": {"list": {"not": {"list": "tickets"}}}}]}],
        ),
        "lists.tickets[1]",
        "expected at most 256 characters, got 257",
    ),
    "a closed date that is none": (
        document(calendars={"c": {**CALENDAR, "closed": ["12-24", "13-01"]}}),
        "calendars.c.closed[1]",
        "expected a month from 01 to 12",
    ),
    "a closed day": (
        document(calendars={"c": {**CALENDAR, "closed": ["sun"]}}),
        "calendars.c.closed[0]",
        "expected a date or FIRST..LAST",
    ),
    "days in closed": (
        document(calendars={"c": {**CALENDAR, "closed": [{"days": ["sun"]}]}}),
        "calendars.c.closed[0]",
        "expected a date such as 2026-12-24, got a mapping",
    ),
}


@pytest.mark.parametrize(("written", "where", "message"), ONE_PROBLEM.values(), ids=ONE_PROBLEM)
def test_a_mistake_is_told_with_its_path_and_what_was_expected(written: object, where: str, message: str) -> None:
    """The document is refused, and the mistake is the one that is told."""
    with pytest.raises(PolicyError, match=message) as refused:
        compile_policies(written)
    assert where in [problem.where for problem in refused.value.problems]
    found = next(problem for problem in refused.value.problems if problem.where == where)
    assert str(found).isprintable()


def test_as_many_calendars_as_there_may_be_are_fine() -> None:
    """One more is refused, above."""
    assert find_problems(document(calendars={f"c{n}": CALENDAR for n in range(256)})) == []


def test_what_is_exactly_as_long_as_may_be_is_fine() -> None:
    """Names of 64 characters, keys of 128, values of 256, also where other things are longer."""
    written = {
        "version": 1,
        "lists": {"l" * 64: ["v" * 257], "tickets": ["v" * 256]},
        "calendars": {"c" * 64: CALENDAR},
        "policies": [
            {
                "name": "\u00fc" * 64,
                "require": [
                    {"tags": {"k" * 128: "v" * 256, "list": "v" * 256, "l": {"list": "tickets"}}},
                    {"description": ["v" * 257, "x"]},
                    {"description": {"list": "l" * 64}},
                    {"operation_parameters": {"LambdaInvoke.FunctionArn": "v" * 2_000}},
                    {"window": "c" * 64},
                ],
            }
        ],
    }
    assert compile_policies(written).version


NOISY = {"a window of times", "not in a bucket word", "presence in a bucket word"}
"""Mistakes that are rightly told as more: two unknown keys, or one that stands in a needed one's stead."""


@pytest.mark.parametrize("label", sorted(set(ONE_PROBLEM) - NOISY))
def test_one_mistake_is_told_once(label: str) -> None:
    """Nothing else is wrong with the document, and nothing else is said to be."""
    written, where, _ = ONE_PROBLEM[label]
    assert [found for found, _ in problems(written)] == [where]


@pytest.mark.parametrize(
    "written",
    [
        {"version": 1},
        document(),
        required({"region": "${account}${region}-${partition}"}),
        required({"region": "$account ${"[:8]}),
        required({"any": [{"all": [{"region": "x"}]}]}),
        required({"region": "x", "unless": [{"any": [{"all": [{"region": "x"}]}]}], "message": "~ " * 50}),
        required({"all": [{"all": [{"manual_approval": {"at_least": 2}}]}, {"region": "x"}]}),
        required({"manual_approval": {"by": {"list": "l"}, "not_requester": False}, "unless": [{"region": "x"}]}),
        document(approvals={"by": [{"glob": "*/[a-z]*"}, "*:user/*"], "session_names": "trusted"}),
        policies({"name": "p", "require": [{"manual_approval": "required"}], "on_violation": "cancel"}),
        required({"region": {"list": "l"}}, {"window": {"list": "w"}}, {"window": {"not": {"list": "w"}}}),
        required({"tags": {"not": "x", "any": "y", "list": {"not": "z"}, "window": {"list": "l"}}}),
        required({"operation_parameters": {"A.B": [1, True, "x"], "A.C": -5, "A.D": {"at_least": 0}}}),
        required({"operation_parameters": {"A": {"not": [1, "x"]}, "B": {"not": {"at_most": 5}}}}),
        required({"total_tasks": {"at_least": 0, "at_most": 0}}),
        opened(days=["mon", "mon"], **{"from": "22:00", "to": "06:00"}),
        opened(days=["mon"], **{"from": "00:00", "to": "24:00"}),
        opened(dates=["12-20..01-06", "02-29", "2026-05-01", "2026-12-24..2027-01-02"]),
        excepted(expires="9999-12-31"),
        excepted(expires="2028-02-29"),
        document(cancel_held_after="999d"),
        document(cancel_held_after="90m", cancel_grace="0s"),
        document(cancel_grace="99999s"),
        required({"region": "x", "on_violation": "cancel", "grace": "0h"}),
        policies({"name": "p", "require": [{"region": "x", "grace": "2d"}], "on_violation": "cancel"}),
        EVERYTHING,
    ],
)
def test_what_stands_close_to_a_mistake_is_valid(written: object) -> None:
    """The errors above are errors for the reason that they name, and for no other."""
    assert problems(written) == []
    compile_policies(written)


def test_all_mistakes_are_told_at_once() -> None:
    """Putting mistakes together loses none of them."""
    mistakes = [label for label, (_, where, _) in ONE_PROBLEM.items() if where.startswith(f"{R0}.") or where == R0]
    requirements = [at(ONE_PROBLEM[label][0], ("policies", 0, "require", 0)) for label in mistakes]
    together = required(*requirements)
    found = [where for where, _ in problems(together)]
    expected = {
        ONE_PROBLEM[label][1].replace(R0, f"policies[0].require[{index}]") for index, label in enumerate(mistakes)
    }
    assert len(mistakes) > 60
    assert set(found) >= expected
    assert {where.split(".")[1] for where in found} == {where.split(".")[1] for where in expected}


def test_problems_come_in_the_order_of_reading() -> None:
    """Top to bottom, so that they can be worked off."""
    written = required({"regions": "x"}, {"region": 5}, {"total_tasks": 5})
    assert [where for where, _ in problems(written)] == [
        "policies[0].require[0].regions",
        "policies[0].require[1].region",
        "policies[0].require[2].total_tasks",
    ]


FREE_KEYS = {("lists",), ("calendars",)}
FREE_BELOW = {
    *("tags", "operation_parameters", "manifest_generator", "any", "only", "none", "million_requests", "gibibyte")
}
"""Mappings whose keys the author chooses, or S3's request model: of tags, parameters, elements of lists, operations."""


def closed_mappings() -> list[WrittenPath]:
    """List every mapping of the full document whose keys are the language's."""
    return [
        path
        for path, value in places(EVERYTHING)
        if isinstance(value, dict) and path not in FREE_KEYS and FREE_BELOW.isdisjoint(path[-1:])
    ]


@pytest.mark.parametrize("path", closed_mappings(), ids=shown)
def test_an_unknown_key_is_an_error_wherever_it_stands(path: WrittenPath) -> None:
    """Whatever the language does not say is refused, and nothing else becomes wrong but what has to stand alone."""
    written = everything()
    at(written, path)["surprise"] = 1
    found = problems(written)
    assert (shown((*path, "surprise")), True) in [(where, "unknown key" in message) for where, message in found]
    assert all("unknown key" in message or "must be the only key here" in message for _, message in found)


def told(written: Any) -> list[Problem]:
    """Give what is wrong with a document as the reader tells it; whatever else it raises is a defect."""
    try:
        compile_policies(written)
    except PolicyError as error:
        return [problem for problem in error.problems if problem.message]
    return []


NOWHERE_RIGHT: list[Any] = [None, 1.00005, float("nan"), {}, {"surprise": None}, [[]], [None], b"x", object()]
SOMEWHERE_RIGHT: list[Any] = [True, 5, -5, "surprise!", "", [], ["surprise"], [5], 10**30]


@pytest.mark.parametrize("path", [path for path, _ in places(EVERYTHING)], ids=shown)
def test_a_value_of_another_type_is_an_error_wherever_it_stands(path: WrittenPath) -> None:
    """Every value of the full document, replaced by what is right nowhere: refused; by anything else: no traceback."""
    for wrong in NOWHERE_RIGHT:
        assert told(with_value(EVERYTHING, path, wrong)), wrong
    for doubtful in SOMEWHERE_RIGHT:
        told(with_value(EVERYTHING, path, doubtful))


@pytest.mark.parametrize("path", [path for path, _ in places(EVERYTHING) if path], ids=shown)
def test_leaving_anything_out_is_refused_or_leaves_a_valid_document(path: WrittenPath) -> None:
    """Missing keys and items are told as problems; never as a traceback."""
    told(without(EVERYTHING, path))


@given(json_values)
@settings(max_examples=200)
def test_any_json_is_a_document_or_a_policy_error(data: Any) -> None:
    """Nothing else comes of it."""
    with pytest.raises(PolicyError):
        compile_policies(data)


@pytest.mark.slow
@given(st.sampled_from([path for path, _ in places(EVERYTHING)]), json_values)
@settings(max_examples=300)
def test_any_json_within_a_document_leaves_a_document_or_a_policy_error(path: WrittenPath, value: Any) -> None:
    """The same with only one value spoiled: surrogates, huge numbers and not-a-number among them."""
    told(with_value(EVERYTHING, path, value))


def test_lone_surrogates_in_json_are_a_policy_error() -> None:
    """JSON can write half a character; no document with one can be hashed, so none is taken."""
    for spoiled in (
        '{"version":1,"policies":[{"name":"\\ud800","require":[]}]}',
        '{"version":1,"lists":{"\\ud800":["x"]}}',
        '{"version":1,"policies":[{"name":"p","require":[{"tags":{"\\ud800":"x"}}]}]}',
    ):
        with pytest.raises(PolicyError):
            compile_policies(json.loads(spoiled))


@pytest.mark.parametrize("depth", [10, 300, 3_000])
def test_a_document_nested_too_deeply_is_a_policy_error(depth: int) -> None:
    """However deep: refused, and the stack holds."""
    condition: Any = {"region": "x"}
    listed: Any = "x"
    for _ in range(depth):
        condition = {"any": [condition]}
        listed = [listed]
    for written in (required(condition), required({"region": listed}), {"version": 1, "lists": listed}):
        with pytest.raises(PolicyError):
            compile_policies(written)


def test_reading_leaves_the_data_as_it_was() -> None:
    """The caller's document is not changed."""
    before = deepcopy(EVERYTHING)
    compile_policies(EVERYTHING)
    assert before == EVERYTHING


def test_many_mistakes_are_told_quickly() -> None:
    """A document of nothing but mistakes is read in the time that its size takes."""
    rng = random.Random(1)
    keys = {f"{rng.random()}": 1 for _ in range(5_000)}
    assert len(problems({"version": 1, **keys})) >= 1


# --- what a cold start pays for -----------------------------------------------------------------------


def test_a_valid_document_loads_no_messages() -> None:
    """They are imported where a document is invalid, or has a parameter of an operation that this version lacks."""
    parameters = {
        "LambdaInvoke.FunctionArn": "arn:*",
        "S3InitiateRestoreObject.ExpirationInDays": 7,
        "S3InitiateRestoreObject.GlacierJobTier": ["BULK", "STANDARD"],
        "S3PutObjectTagging.TagSet": {"any": {"Key": "team"}},
    }
    required = {"require": [{"operation_parameters": parameters}, {"report": {"scope": "AllTasks"}}, {"window": "n"}]}
    written = {
        "version": 1,
        "calendars": {"n": {"timezone": "UTC", "open": [{"days": ["mon"], "from": "22:00", "to": "04:00"}]}},
        "policies": [{"name": "p", "match": [{"tags": {"team": {"not": "x*"}}}], **required}],
    }
    program = (
        "import json, sys; from batchgate.policy.deployed import load_deployed;"
        f"load_deployed({json.dumps(written).encode()!r});"
        "print(*sorted(name for name in sys.modules if name.startswith('batchgate.policy.')"
        " and name.endswith(('suggestions', 'messages'))))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert ran.stdout.split() == []
