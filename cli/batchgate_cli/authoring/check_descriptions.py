"""Descriptions of every check of the policy language, for editors and for the reference page.

Texts are Markdown. A check that the model has and this table lacks fails a test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from batchgate.jobs.manifest_contents import BUCKETS_AT_MOST


@dataclass(frozen=True, slots=True)
class CheckDescription:
    """One check.

    Attributes:
        looks_at: What its value is.
        source: Where the value comes from: an API member, or what else answers.
        takes: The forms of its operand.
        absent: When there is no value, so that a positive test is violated.
        unknown: When the value is not available yet, so that the job waits.
        unmeasurable: When the value can't be obtained, so that the job is held.
        example: A condition in YAML.
        needs: What the gate needs to evaluate it, and what happens if that is missing.
        lints: Those that look at this check, in addition to `LINTS_OF_ALL_CHECKS` and `LINTS_OF_TEXTS`.
        remark: What else is worth knowing; empty for nothing.
    """

    looks_at: str
    source: str
    takes: str
    absent: str
    unknown: str
    unmeasurable: str
    example: str
    needs: str
    lints: tuple[str, ...] = ()
    remark: str = ""


LINTS_OF_ALL_CHECKS = (
    "matches-nothing",
    "contradicts-match",
    "repeats-match",
    "contradicts-requirement",
    "contradicts-statement",
)
"""They compare whole conditions, so they look at every check but `manual_approval` and `budget`."""

LINTS_OF_TEXTS = ("regular-expression", "list-name-as-text", "word-as-text")
"""They look at the texts that any check is compared with."""

TEXT = "text"
RANGE = "a range"
MONEY_RANGE = "a range of US dollars"
BUCKETS = "bucket tests"
NEVER = "never"
NO_BUCKET = "an access point or its alias, a directory bucket, a malformed ARN"
DESCRIBED = "only DescribeJob, which every review calls"
PARAMETERS = "tests by path"
COUNTING = "while the rows are being counted, or while S3 has not counted the tasks"
UNCOUNTED = "the manifest can't be counted exactly, or its number of rows differs from S3's number of tasks"
MANIFEST_SETTING = (
    "the setting [`manifest_buckets`](settings.md), which is empty by default, and `manifest_keys` if the manifests are"
    " encrypted with a customer key. Without them, every job to which the check applies is held"
)

FORMS: Mapping[str, str] = MappingProxyType(
    {
        TEXT: "a pattern (`*` and `?`), `{glob: ...}`, a list of them (any), `{list: NAME}`, `{not: ...}` or"
        " `{present: true|false}`",
        RANGE: "`{at_least: N}`, `{at_most: N}`, both (each included), or `{not: ...}`",
        MONEY_RANGE: "`{at_least: N}`, `{at_most: N}`, both (each included), or `{not: ...}`; N has up to four"
        " decimals",
        BUCKETS: "`any` (at least one bucket), `only` (every bucket), `none`, or several of these, which must all be"
        " met;"
        " each with a bucket name or pattern, `{glob: ...}`, a list (any of them) or `{list: NAME}`; or `{not: ...}`",
        PARAMETERS: "for each path a test of its kind. Text: a pattern, `{glob: ...}`, a list of them (any) or"
        " `{list: NAME}`."
        " A whole number, `true` or `false`: that value, or a list of values; a number also a range. A time:"
        " `before`, `after` and `within`. A list: `any`, `only` and `none`, each with the tests of text or, if the"
        " elements are structures, with a mapping of sub-paths to tests, all of which one element must meet. Every"
        " kind: `{not: ...}` and `{present: true|false}`. If several keys are given, all must be met",
    }
)
"""The forms that several checks take, by the word for them."""

CHECKS: Mapping[str, CheckDescription] = MappingProxyType(
    {
        "operation": CheckDescription(
            looks_at="The operation's name.",
            source="DescribeJob, Operation",
            takes=TEXT,
            absent=NEVER,
            unknown=NEVER,
            unmeasurable="the operation is so new that the gate's AWS SDK can't read it, or S3 returns several"
            " operations",
            example="operation: [S3PutObjectTagging, S3DeleteObjectTagging]",
            lints=("unknown-operation", "lambda-without-function", "parameter-of-other-operation"),
            remark="A job with an operation that this version does not know is approved only if a governing policy's"
            " match names the operation literally, not by a pattern and not inside `not`.",
            needs=DESCRIBED,
        ),
        "operation_parameters": CheckDescription(
            looks_at="Parameters of the operation, each by a dotted path that begins with the operation's name. If"
            " several paths are given, all must be met.",
            source="DescribeJob, Operation",
            takes=PARAMETERS,
            absent="the job has another operation, or its operation does not have the parameter; `only` and `none`"
            " are met",
            unknown=NEVER,
            unmeasurable="the gate's AWS SDK can't read the operation; `within` also if S3 does not report when the"
            " job was created; for an operation that this version does not know, also a path that leads into a list",
            example="operation_parameters:\n"
            "  S3InitiateRestoreObject.ExpirationInDays: {at_most: 7}\n"
            "  S3PutObjectRetention.Retention.RetainUntilDate: {within: 365d}\n"
            "  S3PutObjectTagging.TagSet: {none: {Key: expire}}",
            lints=(
                "unknown-operation",
                "parameter-of-other-operation",
                "lambda-without-function",
                "lambda-latest",
                "lambda-alias",
                "function-without-arn",
                "impossible-value",
                "empty-range",
                "absent-fails",
                "any-but",
            ),
            needs=DESCRIBED,
            remark="Every path must exist in S3's request model, and the test must fit the parameter's kind. Where S3"
            " allows only certain values, the value must be one of them, and a pattern must match at least one: see"
            " [operations and their parameters](#operations-and-their-parameters). To test an entry of a map, add its"
            " key to the path, as in `LambdaInvoke.UserArguments.mode`. Below an operation that this version does not"
            ' know, any path and any test are valid. Types must match: `7` is not `"7"`, and `true` is not `"true"`. A'
            " value of another type violates a positive test. Most parameters are optional, and an absent one violates"
            ' a positive test: [operands](#operands) shows how to say "at most 365 days if it is set".',
        ),
        "total_tasks": CheckDescription(
            looks_at="The number of objects in the manifest, not their size.",
            source="DescribeJob, ProgressSummary.TotalNumberOfTasks",
            takes=RANGE,
            absent=NEVER,
            unknown="before Suspended, as long as S3 reports 0 or no value",
            unmeasurable="S3 reports 0 or no value for a Suspended job, which never counts as a small job",
            example="total_tasks: {at_most: 1_000_000}",
            lints=("empty-range",),
            needs="only DescribeJob; S3 counts the objects before it suspends the job",
        ),
        "manifest": CheckDescription(
            looks_at="The list of objects: `format`, `bucket`, `key` and `version` of the manifest, whether S3"
            " `generated` it, whether it is `stored`, its own size in `bytes`, and the numbers of its `rows` and of its"
            " `rows_without_version`. If several keys are given, all must be met.",
            source="DescribeJob, Manifest, ManifestGenerator and GeneratedManifestDescriptor; for `bytes` HeadObject"
            " of the object whose ETag and version the job names; for `rows` and `rows_without_version` its rows",
            takes="`format`, `bucket`, `key`, `version`: text; `generated`, `stored`: `true` or `false`; `bytes`,"
            " `rows`, `rows_without_version`: a range; or `not` around them together",
            absent="S3's description of the manifest does not have the member, such as `version` if the job names none",
            unknown="before Suspended, while a manifest that will be stored has not been generated yet: all keys except"
            " `generated` and `stored` (`format` only if S3 does not report it). `rows` and `rows_without_version` also"
            " while the rows are being counted, or while S3 has not counted the tasks",
            unmeasurable="the same keys if no manifest is stored; all keys if S3 reports both a manifest and a"
            " generator; `bucket`, `key` and `bytes` if the manifest is not in a general-purpose bucket"
            f" ({NO_BUCKET}); `key` if the ARN has none; `bytes`, `rows` and `rows_without_version` also if the object"
            " can't be read or has been replaced, and the last two if the number of rows differs from S3's number of"
            " tasks",
            example='manifest:\n  bucket: "manifests-${account}-${region}"\n  rows_without_version: {at_most: 0}',
            lints=(
                "impossible-value",
                "empty-range",
                "unreadable-manifest-holds",
                "only-in-wide-pattern",
                "manifest-size",
                "setting-off",
            ),
            remark="A manifest that the requester supplied is `stored`. For a generated one `stored` is the"
            " generator's EnableManifestOutput.",
            needs="for `bytes`, `rows` and `rows_without_version` the setting [`manifest_buckets`](settings.md), which"
            " is empty by default, and `manifest_keys` if the manifests are encrypted with a customer key. Without"
            " them, every job to which these keys apply is held. The other keys need only DescribeJob",
        ),
        "manifest_generator": CheckDescription(
            looks_at="Members of the generator that lists the objects, each by a dotted path. If several paths"
            " are given, all must be met.",
            source="DescribeJob, ManifestGenerator.S3JobManifestGenerator",
            takes=PARAMETERS,
            absent="the job has a manifest of its own, or its generator does not have the member; `only` and `none`"
            " are met",
            unknown=NEVER,
            unmeasurable="S3 reports neither a manifest nor a generator that this version knows, or both; `within`"
            " also if S3 does not report when the job was created",
            example="manifest_generator:\n"
            "  Filter.KeyNameConstraint.MatchAnyPrefix: {only: [logs/*]}\n"
            '  ExpectedBucketOwner: "${account}"',
            lints=("impossible-value", "empty-range", "any-but"),
            remark="Every path must exist in S3's request model, as for `operation_parameters`. ARNs stay ARNs here:"
            ' `SourceBucket: "arn:*:s3:::lake-*"`.',
            needs=DESCRIBED,
        ),
        "object_bytes": CheckDescription(
            looks_at="The sum of the objects' sizes, in bytes.",
            source="the manifest's rows, if every row has its object's size (an inventory report with Size)",
            takes=RANGE,
            absent=NEVER,
            unknown=COUNTING,
            unmeasurable=f"a row has no size, as in every CSV manifest; {UNCOUNTED}",
            example="object_bytes: {at_most: 10_000_000_000}",
            lints=("empty-range", "unreadable-manifest-holds", "setting-off", "sizes-written-by-requester"),
            needs=MANIFEST_SETTING,
        ),
        "source_buckets": CheckDescription(
            looks_at="Every bucket that the job reads or changes.",
            source="the generator's SourceBucket, or the Bucket column of the manifest's rows",
            takes=BUCKETS,
            absent=NEVER,
            unknown=COUNTING,
            unmeasurable=f"S3 does not generate the manifest from one bucket, and {UNCOUNTED}; the rows name more than"
            f" {BUCKETS_AT_MOST} different buckets; S3 reports both a manifest and a generator; a bucket is not a"
            f" general-purpose bucket ({NO_BUCKET}), unless another bucket already decides the check",
            example="source_buckets: {only: [lake-prod, archive]}",
            lints=("impossible-value", "unreadable-manifest-holds", "only-in-wide-pattern", "setting-off"),
            remark="The bucket in which the manifest is stored is not counted: it does not show which buckets the rows"
            " name.",
            needs="nothing for a manifest that S3 generates from one bucket; for every other manifest"
            f" {MANIFEST_SETTING}",
        ),
        "cost": CheckDescription(
            looks_at="What the job costs, estimated in US dollars: the job, its objects, its requests (one for each"
            " object) and, where the operation is priced by size, its bytes.",
            source="the policy set's `prices`; DescribeJob, ProgressSummary.TotalNumberOfTasks; for bytes the"
            " manifest's rows",
            takes=MONEY_RANGE,
            absent=NEVER,
            unknown="before Suspended, as long as S3 reports 0 tasks or no value; for an operation priced by size also"
            " while the rows are being counted",
            unmeasurable="`prices` has no `job`, `million_objects` or `million_requests` of the job's operation (write"
            " 0 for what is free); `total_tasks` is unmeasurable; for an operation priced by size also if"
            " `object_bytes` is, or if the job has no tier or a tier without a price",
            example="cost: {at_most: 500}",
            lints=("empty-range", "missing-price", "setting-off", "sizes-written-by-requester"),
            needs="[`prices`](#prices); for operations priced by size also what `object_bytes` needs",
            remark="The estimate does not include retries, discounts, data transfer, early deletion or later storage."
            " `batchgate policy prices` prints every price to fill in.",
        ),
        "destination_buckets": CheckDescription(
            looks_at="The bucket that a copy goes to. The report's bucket is not counted.",
            source="DescribeJob, Operation S3PutObjectCopy.TargetResource",
            takes=BUCKETS,
            absent="the job has another operation: no other operation that this version knows has a destination. `any`"
            " is violated, `only` and `none` are met",
            unknown=NEVER,
            unmeasurable=f"the copy does not go to a general-purpose bucket ({NO_BUCKET}); the operation is"
            " S3ReplicateObject, whose destinations are in the bucket's replication rules, or unknown",
            example="destination_buckets: {none: [lake-prod-*]}",
            lints=("impossible-value", "only-in-wide-pattern", "met-without-destination"),
            needs=DESCRIBED,
        ),
        "tags": CheckDescription(
            looks_at="The job's tags, each by its key. If several keys are given, all must be met.",
            source="GetJobTagging, called only if a policy asks for tags",
            takes="for each key: text",
            absent="the job has no such tag",
            unknown=NEVER,
            unmeasurable="the tags can't be read",
            example='tags: {team: {present: true}, ticket: "CHG-*"}',
            lints=(
                "dodged-by-requester",
                "claimed-by-requester",
                "not-on-tag",
                "no-grace-for-tags",
                "tags-as-in-aws",
                "word-as-tag",
            ),
            remark="These are the tags of the job itself, not those of its objects, which the gate does not read."
            " The requester writes the job's tags, and may change them later. An empty tag is present.",
            needs="GetJobTagging, which the gate's role may call. If the tags can't be read, every job to which the"
            " check applies is held",
        ),
        "role": CheckDescription(
            looks_at="The ARN of the IAM role that the job runs with.",
            source="DescribeJob, RoleArn",
            takes=TEXT,
            absent="S3 reports no role",
            unknown=NEVER,
            unmeasurable=NEVER,
            example='role: "arn:${partition}:iam::${account}:role/batch/*"',
            lints=("impossible-value",),
            needs=DESCRIBED,
        ),
        "priority": CheckDescription(
            looks_at="The job's priority; higher runs first.",
            source="DescribeJob, Priority",
            takes=RANGE,
            absent="S3 reports no priority",
            unknown=NEVER,
            unmeasurable=NEVER,
            example="priority: {at_most: 50}",
            lints=("empty-range",),
            needs=DESCRIBED,
        ),
        "description": CheckDescription(
            looks_at="The text that the requester gave the job.",
            source="DescribeJob, Description",
            takes=TEXT,
            absent="the requester gave none",
            unknown=NEVER,
            unmeasurable=NEVER,
            example="description: {present: true}",
            lints=("dodged-by-requester", "claimed-by-requester"),
            remark="The requester writes it. Require it if you like, but don't approve a job because of it.",
            needs=DESCRIBED,
        ),
        "report": CheckDescription(
            looks_at="The completion report: `enabled`, `scope`, `bucket`, `prefix`, `format`, `expected_bucket_owner`."
            " If several keys are given, all must be met.",
            source="DescribeJob, Report",
            takes="`enabled`: `true` or `false`; `scope`, `bucket`, `prefix`, `format`, `expected_bucket_owner`: text;"
            " `present: true|false` alone; or `not` around them together",
            absent="the job has no report structure, or the structure lacks that member",
            unknown=NEVER,
            unmeasurable=f"`bucket` if the report does not go to a general-purpose bucket ({NO_BUCKET}, a path)",
            example="report:\n"
            "  enabled: true\n"
            "  scope: AllTasks\n"
            '  bucket: "audit-${account}-${region}"\n'
            '  expected_bucket_owner: "${account}"',
            lints=("impossible-value", "only-in-wide-pattern"),
            remark="With `expected_bucket_owner` the job itself has to name the owner of the bucket, and S3 writes the"
            " report only into a bucket of that owner. Without it, the bucket may be another AWS customer's.",
            needs=DESCRIBED,
        ),
        "account": CheckDescription(
            looks_at="The account that the job is in: 12 digits, in quotes.",
            source="the job's ARN",
            takes=TEXT,
            absent=NEVER,
            unknown=NEVER,
            unmeasurable=NEVER,
            example="account: {list: sandboxes}",
            lints=("impossible-value",),
            remark="YAML reads digits without quotes as a number, which is an error.",
            needs="nothing: it is part of the job's ARN",
        ),
        "region": CheckDescription(
            looks_at="The Region that the job is in.",
            source="the job's ARN",
            takes=TEXT,
            absent=NEVER,
            unknown=NEVER,
            unmeasurable=NEVER,
            example="region: [eu-*, us-east-1]",
            lints=("impossible-value",),
            remark="Copy jobs run in the Region of their destination, all others in that of their objects.",
            needs="nothing: it is part of the job's ARN",
        ),
        "window": CheckDescription(
            looks_at="Whether a calendar is open at the instant of the review.",
            source="the gate's clock",
            takes="a calendar's name, a list of names (any of them open), `{list: NAME}`, or `{not: ...}`"
            " around one of them",
            absent=NEVER,
            unknown=NEVER,
            unmeasurable=NEVER,
            example="window: {not: freeze}",
            lints=(
                "window-never-opens",
                "closed-dates-past",
                "unused-calendar",
                "either-window",
                "cancelled-outside-window",
            ),
            remark="A job that only a window holds is approved when the window opens, if that is within the 30 days"
            " after which S3 fails a Suspended job.",
            needs="nothing: time-zone data ships with the gate",
        ),
        "manual_approval": CheckDescription(
            looks_at="Whether enough people who may approve this job have approved it.",
            source="the ledger, and CloudTrail's CreateJob record if `not_requester` is true",
            takes="`required`, or `by`, `at_least` and `not_requester`",
            absent=NEVER,
            unknown=NEVER,
            unmeasurable="until enough people approve, and while `not_requester` is true and the requester is not"
            " known. A missing approval is not a violation",
            example='manual_approval: {by: ["*:assumed-role/prod-owner/*"], at_least: 2}',
            lints=("impossible-value", "one-approval-for-both", "too-many-approvals"),
            remark="`required` means one approval. If `by` or `not_requester` is missing here, the value in `approvals`"
            " applies. An approval counts only for the job as the approver saw it. Several `manual_approval` with"
            " different `by` require people of different roles; one person may count for several. Allowed only in"
            " `require`, also inside `all`; not in `any`, `match`, `unless` or exceptions.",
            needs="people who may call the gate's API ([operations.md](operations.md)); until they approve, every job"
            " to which the check applies is held",
        ),
        "budget": CheckDescription(
            looks_at="How much of a budget is used in this period, in the budget account in which the job counts, plus"
            " what the job adds.",
            source="the ledger, in which each approval reserves its amounts",
            takes="the name of one of the policy set's `budgets`",
            absent=NEVER,
            unknown="S3 has not counted the objects, or an amount that the budget limits is not known yet",
            unmeasurable="an amount that the budget limits can't be measured, or the job has no value for `each`, even"
            " if another limit is exceeded",
            example="budget: team-month",
            lints=("unused-budget", "budget-of-requesters-tag", "sizes-written-by-requester"),
            remark="Met if the sum stays within every limit of the [budget](#budgets), or reaches it exactly. A job"
            " that only a budget holds is approved when the next period begins, if it fits then and if that is within"
            " the 30 days after which S3 fails a Suspended job. Allowed only in `require`, also inside `all`; not in"
            " `any`, `match`, `unless` or exceptions. A requirement that names a budget can't have an `unless`, and no"
            " exception"
            " lifts it.",
            needs="for a limit of `object_bytes` what the check `object_bytes` needs; for a limit of `cost` what `cost`"
            " needs",
        ),
    }
)
"""By the check's key, in the order of the model."""
