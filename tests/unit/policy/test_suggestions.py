"""What an author may have meant: closed sets, values in another form, words that the language does not have."""

from collections.abc import Callable

import pytest

from batchgate.policy import model, suggestions
from batchgate.policy.validation import find_problems
from tests.unit.examples import Written

OPEN = {"timezone": "UTC", "open": [{"days": ["mon"]}]}


def required(condition: object, **more: object) -> Written:
    """A document of one policy that requires this."""
    return {"version": 1, "policies": [{"name": "p", "require": [condition]}], **more}


def messages(written: object) -> list[str]:
    """What is wrong with a document."""
    return [str(problem) for problem in find_problems(written)]


def test_days_are_named_in_the_order_of_the_week() -> None:
    """Not in the alphabet's, and a day written in full is recognized."""
    calendars = {"c": {"timezone": "UTC", "open": [{"days": ["someday", "Tuesday", "SUN", "thurs"]}]}}
    assert messages({"version": 1, "calendars": calendars}) == [
        'calendars.c.open[0].days[0]: expected mon, tue, wed, thu, fri, sat or sun, got "someday"',
        'calendars.c.open[0].days[1]: expected mon, tue, wed, thu, fri, sat or sun, got "Tuesday"; did you mean tue?',
        'calendars.c.open[0].days[2]: expected mon, tue, wed, thu, fri, sat or sun, got "SUN"; did you mean sun?',
        'calendars.c.open[0].days[3]: expected mon, tue, wed, thu, fri, sat or sun, got "thurs"; did you mean thu?',
    ]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"version": "1"}, 'version: expected 1, got "1"; write it without quotes: 1'),
        ({"version": 1.0}, "version: expected 1, got the number 1.0; write 1"),
        ({"version": 1, "mode": "Shadow"}, 'mode: expected enforce or shadow, got "Shadow"; did you mean shadow?'),
        (
            {"version": 1, "cancel_held_after": 21},
            "cancel_held_after: expected a duration such as 21d, 5m, 2h or 1d, got the number 21; write 21d",
        ),
        (required({"total_tasks": 500}), "got the number 500; write {at_most: 500} or {at_least: 500}"),
        (required({"total_tasks": "5M"}), 'got "5M"; write {at_most: 5_000_000} or {at_least: 5_000_000}'),
        (required({"total_tasks": {"at_most": "1,000,000"}}), "; write 1_000_000"),
        (required({"total_tasks": {"at_most": "1000"}}), "; write it without quotes: 1000"),
        (required({"total_tasks": {"at_most": 1e6}}), "; write 1_000_000"),
        (required({"object_bytes": {"at_most": "1.5 TiB"}}), "; write 1_649_267_441_664"),
        (required({"total_tasks": {"at_most": "lots"}}), 'expected a whole number >= 0, got "lots"'),
        (required({"report": {"enabled": "yes"}}), 'expected true or false, got "yes"; write true'),
        (
            required({"report": {"enabled": "false"}}),
            'expected true or false, got "false"; write it without quotes: false',
        ),
        (required({"tags": {"urgent": True}}), 'got true; write it in quotes: "true"'),
        (required({"account": 111122223333}), 'write it in quotes: "111122223333"'),
        (
            required({"manual_approval": True}),
            "expected required or a mapping with by, at_least, not_requester, got true; write required",
        ),
        (required({"manual_approval": 2}), "write {at_least: 2}"),
        (required({"manual_approval": "two"}), "write {at_least: 2}"),
        (required({"manual_approval": ["*:user/ana", "*:user/ben"]}), 'write {by: ["*:user/ana", "*:user/ben"]}'),
        (
            required(
                {"region": "eu-*"},
                exceptions=[
                    {"name": "e", "lifts": "p", "match": [{"region": "x"}], "expires": "2026-02-30", "because": "y"}
                ],
            ),
            'exceptions[0].lifts: expected a list of items, each text, got "p"; put it in brackets: [p]',
        ),
        (
            required(
                {"region": "eu-*"},
                exceptions=[
                    {"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "expires": "2027-02-29", "because": "y"}
                ],
            ),
            'expires: expected a day from 01 to 28, as 2027 is no leap year, got "2027-02-29"',
        ),
        (
            required(
                {"region": "eu-*"},
                exceptions=[
                    {"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "expires": "2027/3/1", "because": "y"}
                ],
            ),
            'expires: expected a date in the form YYYY-MM-DD, got "2027/3/1"; write 2027-03-01',
        ),
        (
            required(
                {"region": "eu-*"},
                exceptions=[
                    {"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "expires": 20270301, "because": "y"}
                ],
            ),
            "expected a date such as 2026-12-24, got the number 20270301; write 2027-03-01",
        ),
        (
            required(
                {"region": "eu-*"},
                exceptions=[
                    {"name": "e", "lifts": ["p"], "match": [{"region": "x"}], "expires": "2027-04-31", "because": "y"}
                ],
            ),
            'expected a day from 01 to 30, got "2027-04-31"',
        ),
        (
            {
                "version": 1,
                "calendars": {"c": {"timezone": "UTC", "open": [{"days": ["mon"], "from": "6:00", "to": "8pm"}]}},
            },
            'got "8pm"; write 20:00',
        ),
        (
            {
                "version": 1,
                "calendars": {"c": {"timezone": "UTC", "open": [{"days": ["mon"], "from": 6, "to": "7:00"}]}},
            },
            'expected a time such as "22:00", got the number 6; write 06:00',
        ),
    ],
)
def test_a_value_in_another_form_is_told_how_to_be_written(written: Written, says: str) -> None:
    """Only where what is meant is clear, and what is told is right."""
    assert any(says in message for message in messages(written)), messages(written)


@pytest.mark.parametrize("wish", suggestions.WISHES, ids=lambda wish: wish.keys[0])
def test_what_the_language_can_not_say_is_told_so_at_the_first_try(wish: suggestions.Wish) -> None:
    """By each of the words that people write for it, in a condition, a statement and at the top of the file."""
    for key in wish.keys:
        for written in (
            required({key: 5}),
            {"version": 1, "policies": [{"name": "p", "require": [], key: 5}]},
            {"version": 1, key: 5},
        ):
            if key in model.Condition.__struct_encode_fields__:
                continue
            if "policies" in written and suggestions.inflected(key, model.Policy.__struct_encode_fields__):
                continue  # matches, for match
            [message] = [each for each in messages(written) if "unknown key" in each]
            assert wish.instead in message or "stands" in message, message
            assert "did you mean" not in message


def test_no_word_of_the_language_is_taken_for_a_wish() -> None:
    """What can be said is never told that it can't."""
    for form in (model.Condition, model.Requirement, model.Policy, model.PolicyDocument, model.Exemption):
        for key in form.__struct_encode_fields__:
            assert suggestions.other_word(key) is None, key


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (
            {"version": 1, "policies": [{"name": "p", "operation": "x", "require": []}]},
            "operation belongs in an item of match, require or unless",
        ),
        (
            {"version": 1, "policies": [{"name": "p", "unmatched": "hold", "require": []}]},
            "unmatched belongs at the top of the file",
        ),
        (
            required({"any": [{"region": "x", "message": "y"}]}),
            "message belongs in an item of require, beside its check",
        ),
        ({"version": 1, "match": [{"region": "x"}]}, "match belongs in an item of policies or guardrails"),
        ({"version": 1, "calendars": {"c": {**OPEN, "days": ["mon"]}}}, "days belongs in an item of a calendar's open"),
        (required({"or": [{"region": "x"}]}), "write any"),
        (required({"not": {"region": "x"}}), "write not inside the check"),
    ],
)
def test_a_key_in_the_wrong_place_is_sent_to_its_own(written: Written, says: str) -> None:
    """Not to a key that merely looks alike."""
    assert any(f"unknown key; {says}" in message for message in messages(written)), messages(written)


def test_what_stands_below_a_misspelled_key_is_looked_at_too() -> None:
    """One reading finds the misspelling and all mistakes below it, and nothing is missed that is only misspelled."""
    written = {
        "version": 1,
        "calender": {"nights": {"timezone": "Europe/Berln", "open": [{"day": ["mo"]}]}},
        "polices": [{"nam": "p", "requires": [{"window": "nights"}, {"region": []}, {"tag": {"a": 5}}]}],
    }
    assert [problem.where for problem in find_problems(written)] == [
        "calender",
        "calender.nights.timezone",
        "calender.nights.open[0].day",
        "calender.nights.open[0].day[0]",
        "polices",
        "polices[0].nam",
        "polices[0].requires",
        "polices[0].requires[1].region",
        "polices[0].requires[2].tag",
        "polices[0].requires[2].tag.a",
    ]


def in_document(**keys: object) -> Written:
    """A valid document with more at its top."""
    return {"version": 1, "policies": [{"name": "p", "require": []}], **keys}


def in_zone(zone: str) -> Written:
    """A document with a calendar in this zone."""
    return in_document(calendars={"c": {**OPEN, "timezone": zone}})


def parameter(path: str, test: object) -> Written:
    """A document that requires this of a parameter."""
    return required({"operation_parameters": {path: test}})


TAG_SET, UNTIL = "S3PutObjectTagging.TagSet", "S3PutObjectRetention.Retention.RetainUntilDate"
RIGHT_ADVICE = [
    (in_document(cancel_grace=5), "write 5m"),
    (in_document(cancel_grace="10min"), "write 10m"),
    (required({"region": "x", "on_violation": "cancel", "grace": 5}), "write 5m"),
    (in_document(cancel_held_after="3 weeks"), "write 21d"),
    (in_document(lists={"acc": "111111111111"}), 'put it in brackets: ["111111111111"]'),
    (in_document(lists={"acc": "lake"}), "put it in brackets: [lake]"),
    (in_document(lists={"acc": "*"}), 'put it in brackets: ["*"]'),
    (in_zone("CEST"), "did you mean Europe/Berlin?"),
    (in_zone("UTC+1"), "write the zone of a city, which includes summer time, or write UTC, and times in UTC"),
    (in_zone("+05:30"), "write the zone of a city"),
    (in_zone("UTC+0"), "write UTC"),
    (in_zone("-00:00"), "write UTC"),
    (in_zone("Z"), "did you mean UTC?"),
    (in_zone("hst"), "did you mean Pacific/Honolulu?"),
    (parameter(UNTIL, {"before": "2027-02-30T00:00:00Z"}), "expected a day from 01 to 28"),
    (in_zone("Berlin"), "did you mean Europe/Berlin?"),
    (in_zone("new york"), "did you mean America/New_York?"),
    ({"version": 1, "policies": [{"name": "p", "require": [], "matches": []}]}, "did you mean match?"),
    (parameter(TAG_SET, "expire"), "or {none: {Key: expire}}?"),
    (parameter(f"{TAG_SET}.expire", "x"), "no element of it has a member expire, and each has Key and Value"),
    (parameter(f"{TAG_SET}.Key", "x"), "write S3PutObjectTagging.TagSet: {none: {Key: ...}} for what it must not hold"),
    (parameter(TAG_SET, {"Key": "expire"}), "write S3PutObjectTagging.TagSet: {none: {Key: ...}}"),
    (parameter("S3PutObjectCopy", {"StorageClass": "X"}), "write the whole path: S3PutObjectCopy.StorageClass: ..."),
    (
        parameter("S3PutObjectCopy.NewObjectMetadata.UserMetadata", {"x": "y"}),
        "write the whole path: S3PutObjectCopy.NewObjectMetadata.UserMetadata.x: ...",
    ),
    (required({"window": {"from": "22:00", "to": "06:00"}}), "define a calendar under calendars"),
    (required({"total_tasks": {"max": 5}}), "write at_most"),
    (required({"total_tasks": {"less_than": 5}}), "write at_most"),
    (required({"total_tasks": {"between": [1, 5]}}), "write {at_least: ..., at_most: ...}"),
    (required({"role": {"arn": "x"}}), "write the value itself"),
    (required({"region": ["a", {"not": "b"}]}), "not can't stand in a list of values; make two items"),
    (required({"account": [{"list": "acc"}]}), "write {list: NAME} without the brackets"),
    ({"version": 1, "policies": {"p": {"require": []}}}, "make each an item that begins with its name: `- name: p`"),
    (
        {"version": 1, "policies": [{"name": "p", "require": [{"region": "x"}, {"on_violation": "cancel"}]}]},
        "remove the dash: on_violation belongs beside the check of the item above",
    ),
    (in_document(calendars={"c": {**OPEN, "open": [{"days": ["mon-fri"]}]}}), "write mon, tue, wed, thu, fri"),
    (in_document(calendars={"c": {**OPEN, "open": [{"days": ["Fri to Mon"]}]}}), "write fri, sat, sun, mon"),
    (in_document(calendars={"c": {**OPEN, "open": [{"days": ["weekend"]}]}}), "write sat, sun"),
    (required({"manual_approval": {"required": True}}), "write manual_approval: required"),
    (required({"manual_approval": {"min_approvals": 2}}), "unknown key; write at_least"),
    (required({"manual_approval": {"approvers": "*"}}), "write by"),
    (required({"approvals": {"at_least": 2}}), "approvals belongs at the top of the file"),
    (required({"approvers": 2}), "write manual_approval: {by: [...], at_least: 2} in require"),
    (required({"target_bucket": "x"}), "write destination_buckets"),
    (required({"report_bucket": "x"}), "write report: {bucket: ...}"),
    (required({"status": "x"}), "the gate evaluates only jobs that wait for confirmation"),
    (required({"partition": "x"}), "write region"),
    (required({"exception": "x"}), "did you mean exceptions? It belongs at the top of the file"),
    (required({"tags": {"ticket": {"regex": "x"}}}), "patterns have * and ?, and no regular expressions"),
    (required({"total_tasks": {"at_most": "7d"}}), "only a time takes a duration, such as {within: 7d}"),
    (parameter(UNTIL, {"at_most": "365d"}), "only a time takes a duration, such as {within: 365d}"),
    (parameter(UNTIL, {"within": "1y"}), "write 365d"),
    (parameter(UNTIL, {"before": "2027-02-30"}), "expected a day from 01 to 28"),
    (required({"total_tasks": {"at_most": "1.000.000"}}), "write 1_000_000"),
    (required({"tags": ["team", "lake"]}), "write {team: lake}"),
    (required({"destination_buckets": ["lake-a"]}), "write {any: [lake-a]}, {only: [lake-a]} or {none: [lake-a]}"),
    (
        in_document(exceptions=[{"name": "e", "lifts": ["p"], "match": [], "because": "x", "until": "2027-01-01"}]),
        "unknown key; write expires",
    ),
    ({"version": 1, "policy": [{"nam": "p", "require": []}]}, "did you mean policies?"),
    ({"version": 1, "policy": [{"nam": "p", "require": []}]}, "did you mean name?"),
]


@pytest.mark.parametrize(("written", "says"), RIGHT_ADVICE, ids=[says for _, says in RIGHT_ADVICE])
def test_following_the_advice_leads_to_what_was_meant(written: Written, says: str) -> None:
    """What to write is right for the place where it stands."""
    assert any(says in message for message in messages(written)), messages(written)


def on_dates(text: object) -> Written:
    """A document with a calendar that is open on these dates."""
    return in_document(calendars={"c": {"timezone": "UTC", "open": [{"dates": [text]}]}})


def closed_on(text: object) -> Written:
    """A document with a calendar that is closed on these dates."""
    return in_document(calendars={"c": {**OPEN, "closed": [text]}})


def until(text: object) -> Written:
    """A document with an exception until this date."""
    return in_document(exceptions=[{**EXCEPTION, "expires": text}])


def before(text: object) -> Written:
    """A document that requires an earlier time of a parameter."""
    return parameter(UNTIL, {"before": text})


@pytest.mark.parametrize("place", [on_dates, closed_on, until, before])
@pytest.mark.parametrize(
    "text",
    [
        *("31.02.2027", "2027/02/31", "2027-2-31", "20270231", 20270231, "2027 13 01", "0000/1/1", "31.04.2027"),
        *("2027/3/1", "1.3.2027", 20270301, "2027-3-1 - 2027-4-1", "1.3.2027..1.4.2027", "2027-04-01 - 2027-03-01"),
        *("1.2.2027 to 31.2.2027", "2027-03-01 until 2027-03-31"),
    ],
)
def test_a_date_is_suggested_only_where_it_can_be_written(place: Callable[[object], Written], text: object) -> None:
    """What is suggested is accepted in the same place; of a date that does not exist it is said why."""
    found = messages(place(text))
    assert found
    suggested = [message.rpartition("; write ")[2] for message in found if "; write " in message]
    assert all(not messages(place(date)) for date in suggested), found
    assert not any("swap" in message and "; write " in message for message in found)


@pytest.mark.parametrize("text", ["31.02.2027", "2027/02/31", "20270231", 20270231])
@pytest.mark.parametrize("place", [on_dates, closed_on, until])
def test_a_date_that_does_not_exist_is_named_with_the_days_of_its_month(
    place: Callable[[object], Written], text: object
) -> None:
    """In whatever form it is written."""
    [message] = messages(place(text))
    assert message.endswith('; read as a date: expected a day from 01 to 28, got "2027-02-31"')


@pytest.mark.parametrize("comparison", ["<0", "< 0", "<=0", "<1", ">0", ">=0"])
def test_a_comparison_is_suggested_as_a_range_only_where_one_can_be_written(comparison: str) -> None:
    """No number is below zero: then the message shows the form alone."""
    [message] = messages(required({"total_tasks": comparison}))
    assert "-1" not in message
    assert ("; write {at_least: N}, {at_most: N} or both" in message) is (comparison in ("<0", "< 0"))
    assert "; write {at_" in message


@pytest.mark.parametrize(
    ("condition", "at_most"),
    [
        ({"window": {"from": "22:00", "to": "06:00"}}, 1),
        ({"total_tasks": {"less_than": 5}}, 1),
        ({"operation_parameters": {TAG_SET: {"Key": "expire", "Value": "x"}}}, 1),
        ({"account": [{"list": "acc"}]}, 1),
    ],
)
def test_a_test_in_other_words_is_one_problem(condition: object, at_most: int) -> None:
    """Not one for each of its keys, and no second one that its test is missing."""
    assert len(messages(required(condition))) == at_most


EXCEPTION: Written = {
    "name": "e",
    "lifts": ["p"],
    "match": [{"region": "eu-*"}],
    "expires": "2027-01-01",
    "because": "x",
}


@pytest.mark.parametrize(
    ("word", "key"),
    [
        *[(word, "expires") for word in ("until", "end", "ends", "expiry", "expiration", "valid_until", "expires_at")],
        *[(word, "because") for word in ("reason", "why", "justification", "ticket", "becaus")],
        *[(word, "lifts") for word in ("for", "of", "policy", "policies", "guardrail", "guardrails", "statement")],
    ],
)
def test_a_key_of_an_exception_in_other_words_is_one_problem(word: str, key: str) -> None:
    """It is not missing, too; and what it says is read as what the key would say."""
    renamed = {word if name == key else name: value for name, value in EXCEPTION.items()}
    [message] = messages(in_document(exceptions=[renamed]))
    assert ": unknown key; " in message
    assert f" {key}" in message
    assert len(messages(in_document(exceptions=[{**renamed, word: 5}]))) == 2


@pytest.mark.parametrize(
    ("word", "key", "value"),
    [
        *[(word, "per", "month") for word in ("period", "every", "interval", "duration", "reset")],
        *[(word, "each", "role") for word in ("by", "for_each", "group_by", "of", "scope")],
        *[(word, "objects", 5) for word in ("tasks", "total_tasks", "max_objects", "count")],
        *[(word, "object_bytes", 5) for word in ("bytes", "size", "total_bytes", "max_bytes")],
        *[(word, "cost", 5) for word in ("dollars", "usd", "money", "amount", "max_cost", "price")],
        *[(word, "timezone", "Europe/Berlin") for word in ("zone", "tz", "time_zone")],
    ],
)
def test_a_key_of_a_budget_in_other_words_is_named(word: str, key: str, value: str | int) -> None:
    """Whatever it limits, and however long a period is called."""
    budget = {"name": "b", "per": "month", "jobs": 5, key: value}
    renamed = {word if name == key else name: each for name, each in budget.items()}
    [message] = messages(in_document(budgets=[renamed]))
    assert message.endswith(f"{word}: unknown key; write {key}")


@pytest.mark.parametrize(
    ("written", "count"),
    [
        ({"window": ["nights", {"not": "freeze"}]}, 1),
        ({"window": ["nights", {"list": "freeze"}]}, 1),
        ({"window": {"not": ["nights", {"present": True}]}}, 1),
        ({"window": ["nights", {"not": "nights"}]}, 1),
        ({"window": ["nights", "freeze"]}, 1),
        ({"window": {"not": "freeze"}}, 1),
    ],
)
def test_what_can_not_stand_in_a_window_is_one_problem(written: Written, count: int) -> None:
    """A calendar that it names is not looked for, too."""
    calendars = {"nights": {"timezone": "UTC", "open": [{"days": ["mon"]}]}}
    assert len(messages({**required(written), "calendars": calendars})) == count


@pytest.mark.parametrize(
    ("check", "says"),
    [
        ({"window": "ours"}, "write {list: ours}"),
        ({"window": {"not": ["ours"]}}, "write {list: ours}"),
        ({"report": {"scope": "ours"}}, "write {list: ours}"),
        ({"manifest": {"format": {"not": "ours"}}}, "write {list: ours}"),
        ({"operation_parameters": {"S3PutObjectCopy.StorageClass": "ours"}}, "write {list: ours}"),
        (
            {"operation_parameters": {"S3PutObjectCopy.StorageClass": {"not": ["GLACIER", "ours"]}}},
            "write {list: ours}",
        ),
        ({"tags": [{"Key": "team", "Value": "lake"}]}, "write {team: lake}"),
        ({"tags": [{"Key": "team", "Value": "lake"}, {"Key": "a", "Value": "5"}]}, 'write {team: lake, a: "5"}'),
        ({"tags": [{"Key": "team", "Value": "v" * 99}]}, "write {KEY: VALUE}"),
        ({"tags": [{"Key": "team"}]}, "write {KEY: VALUE}"),
    ],
)
def test_the_name_of_a_list_and_tags_of_aws_are_told_with_their_form(check: Written, says: str) -> None:
    """Where a text is none of the values that S3 has, or no calendar, and a list has its name."""
    [message] = messages({**required(check), "lists": {"ours": ["a"]}})
    assert message.endswith(says)


@pytest.mark.parametrize(
    ("key", "why"),
    [
        *[
            (key, "write cost: {at_most: ...}")
            for key in ("max_cost", "cost_limit", "estimated_cost", "cost_usd", "spend", "maxCost")
        ],
        *[
            (key, "define one under budgets")
            for key in ("monthly_budget", "team_budget", "per_month", "rate_limit", "monthly_tasks")
        ],
        ("total_tasks_per_month", "define one under budgets"),
        *[
            (key, "how many people must approve")
            for key in ("two_approvers", "second_approver", "four_eyes", "min_approvals")
        ],
        ("requested_by", "S3 does not report who created a job"),
        ("suffix", "compares no keys"),
        *[
            (key, "write object_bytes: {at_most: ...}")
            for key in ("size", "max_size", "data_size", "terabytes", "bytes_total", "total_size", "volume")
        ],
        ("age", "nothing about single objects"),
    ],
)
def test_one_word_of_a_key_tells_the_wish(key: str, why: str) -> None:
    """However the rest of the key is written, and no word of the language is suggested for it."""
    [message] = messages(required({key: 5}))
    assert why in message
    assert "did you mean" not in message


@pytest.mark.parametrize(
    ("text", "known", "near"),
    [
        ("calender", ["calendars", "policies"], "calendars"),
        ("policy", ["policies", "lists"], "policies"),
        ("totalTasks", ["total_tasks", "tags"], "total_tasks"),
        ("regoin", ["region", "role"], "region"),
        ("REGION", ["region"], "region"),
        ("target_bucket", ["source_buckets"], None),
        ("report_bucket", ["source_buckets"], None),
        ("status", ["tags"], None),
        ("retention", ["region"], None),
        ("volume", ["role"], None),
        ("partition", ["operation"], None),
        ("age", ["message"], None),
        ("k", ["l"], None),
    ],
)
def test_a_nearest_name_is_within_a_few_edits(text: str, known: list[str], near: str | None) -> None:
    """A typing error has a nearest name; another word has none."""
    assert suggestions.nearest(text, known) == near
