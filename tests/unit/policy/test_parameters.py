"""Every parameter of S3's request model with every form of test: refused or evaluated, and nothing between."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from random import Random
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.errors import PolicyError, Problem
from batchgate.jobs.model import Json
from batchgate.jobs.request_model import Kind, Shape, request_shape
from batchgate.policy import checks
from batchgate.policy.canonical import canonical_json
from batchgate.policy.deployed import load_deployed
from batchgate.policy.facts import Result
from batchgate.policy.parameters import CHECKS
from batchgate.policy.validation import find_problems, read_document
from batchgate.policy.validation.parameters import ClosedSet, closed_set
from batchgate_cli.authoring import policy_file
from tests.unit.examples import SUSPENDED, Written, document, facts, outcome

INPUTS = Path(__file__).with_name("misspelled")
MET, VIOLATED = Result.MET, Result.VIOLATED
TIME = datetime(2026, 6, 1, tzinfo=UTC)
ROOTS: dict[str, Shape] = {
    "operation_parameters": request_shape("Operation"),
    "manifest_generator": request_shape("ManifestGenerator").members["S3JobManifestGenerator"],
}


@dataclass(frozen=True)
class Known:
    """One parameter of the model."""

    check: str
    path: str
    shape: Shape

    def __str__(self) -> str:
        return f"{self.check}:{self.path}"


def below(check: str, shape: Shape, path: str) -> Iterator[Known]:
    """Every member, those of structures too; a map by one of its keys."""
    for name, member in shape.members.items():
        inner = f"{path}.{name}" if path else name
        yield Known(check, inner, member)
        yield from below(check, member, inner)
        if member.kind is Kind.MAP and member.element is not None:
            yield Known(check, f"{inner}.some key", member.element)


KNOWN = [known for check in CHECKS for known in below(check, ROOTS[check], "")]
ELEMENTS = [
    (known, member)
    for known in KNOWN
    if known.shape.kind is Kind.LIST and known.shape.element is not None and known.shape.element.members
    for member in below(known.check, known.shape.element, "")
]


def problems(condition: Written) -> list[Problem]:
    """What is wrong with one required condition; a path of the test's own is left out of `where`."""
    return find_problems(document(condition, lists={"some": ["x"]}))


def place(condition: Written, *steps: str | int) -> tuple[str | int, ...]:
    """Where something stands below a document's only condition."""
    return ("policies", 0, "require", 0, next(iter(condition)), *steps)


def value_of(shape: Shape) -> Any:
    """A value that S3 may say."""
    match shape.kind:
        case Kind.STRUCTURE:
            return {name: value_of(member) for name, member in shape.members.items()}
        case Kind.LIST:
            assert shape.element is not None
            return [value_of(shape.element)]
        case Kind.MAP:
            return {"some key": "text"}
        case Kind.BOOLEAN:
            return True
        case Kind.INTEGER | Kind.LONG:
            return 7
        case Kind.TIMESTAMP:
            return TIME
        case Kind.STRING:
            return shape.values[0] if shape.values else "text"


def each_test_of(shape: Shape, value: Any) -> Iterator[tuple[Any, Result]]:
    """Every form of test that a member takes, with what it comes to for `value`."""
    yield {"present": True}, MET
    yield {"present": False}, VIOLATED
    yield {"not": {"present": False}}, MET
    match shape.kind:
        case Kind.BOOLEAN:
            yield from ((True, MET), (False, VIOLATED), ([False, True], MET), ({"not": True}, VIOLATED))
            yield {"not": [False]}, MET
        case Kind.INTEGER | Kind.LONG:
            yield from ((7, MET), (8, VIOLATED), ([8, 7], MET), ({"not": 7}, VIOLATED), ({"not": [8]}, MET))
            yield from (({"at_most": 7}, MET), ({"at_least": 8}, VIOLATED), ({"at_least": 7, "at_most": 7}, MET))
            yield {"not": {"at_least": 8, "at_most": 9}}, MET
        case Kind.STRING:
            others = [other for other in shape.values if other != value]
            yield from ((value, MET), ("*", MET), ([value, "*"], MET), ({"not": value}, VIOLATED))
            if not shape.values:
                yield from (("x", VIOLATED), ({"list": "some"}, VIOLATED), ({"not": {"list": "some"}}, MET))
            for other in others:
                yield from ((other, VIOLATED), ({"not": other}, MET), ([other], VIOLATED))
        case Kind.TIMESTAMP:
            yield from (({"before": "2026-06-01"}, VIOLATED), ({"before": "2026-06-01T00:00:01Z"}, MET))
            yield from (({"after": "2026-06-01"}, MET), ({"after": "2026-06-01T00:00:00-00:01"}, VIOLATED))
            yield from (({"within": "365d"}, MET), ({"within": "1d"}, VIOLATED), ({"not": {"within": "1d"}}, MET))
            yield {"after": "2026-01-01", "before": "2027-01-01", "within": "365d"}, MET
        case Kind.LIST:
            assert shape.element is not None
            yield from element_tests(shape.element, value[0])
        case Kind.MAP | Kind.STRUCTURE:
            pass


def element_tests(element: Shape, value: Any) -> Iterator[tuple[Any, Result]]:
    """The words over a list of this one element, each around every test of it."""
    if element.kind is not Kind.STRUCTURE:
        found = [(test, result) for test, result in each_test_of(element, value) if not isinstance(test, dict)]
    else:
        members = [each for each in below("operation_parameters", element, "") if each.shape.kind is not Kind.LIST]
        found = [
            ({each.path: test}, result)
            for each in members
            for test, result in each_test_of(each.shape, at(value, each.path))
            if "'not':" not in repr(test)
        ]
    for test, result in found:
        swapped = VIOLATED if result is MET else MET
        yield from (({"any": test}, result), ({"only": test}, result), ({"none": test}, swapped))
        yield from (({"not": {"any": test}}, swapped), ({"not": {"none": test}}, result))
        yield {"any": test, "only": test}, result
        yield {"any": test, "none": test}, VIOLATED


def at(value: Any, path: str) -> Any:
    """What stands at a dotted path."""
    for step in path.split("."):
        value = value[step]
    return value


def job_with(known: Known) -> dict[str, Any]:
    """Members of a job that has everything that the model has for this operation, or for a generator."""
    if known.check == "manifest_generator":
        return {"Manifest": None, "ManifestGenerator": {"S3JobManifestGenerator": value_of(ROOTS[known.check])}}
    name = known.path.partition(".")[0]
    return {"Operation": {name: value_of(ROOTS[known.check].members[name])}}


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_every_parameter_is_met_and_violated_by_every_form_of_its_kind(known: Known) -> None:
    """Right types are accepted; in the canonical form, too; JSON's times as the SDK's."""
    value = value_of(known.shape)
    about = facts(**job_with(known))
    as_json = facts(**json.loads(json.dumps(job_with(known), default=datetime.isoformat)))
    for test, result in each_test_of(known.shape, value):
        written = document({known.check: {known.path: test}}, lists={"some": ["x"]})
        for each in (about, as_json):
            assert outcome(written, each).trace[0].requirements[0].result is result, test
        again = json.loads(canonical_json(read_document(written)))
        assert outcome(again, about).trace[0].requirements[0].result is result, test
        assert canonical_json(read_document(again)) == json.dumps(again, sort_keys=True, separators=(",", ":")).encode()


FORMS: dict[str, list[Any]] = {
    "flag": [True, [False], {"not": True}],
    "number": [7, [7, 8], {"not": 7}, {"at_most": 7}, {"not": {"at_least": 7}}],
    "text": ["*", ["*"], {"not": "*"}],
    "named list": [{"list": "some"}, {"not": {"list": "some"}}],
    "time": [{"before": "2027-01-01"}, {"after": "2027-01-01T00:00:00Z", "within": "1d"}, {"not": {"within": "0s"}}],
    "texts": [{"any": "*"}, {"only": ["*"]}, {"not": {"none": "*"}}],
    "structures": [{"any": {"Nothing": "*"}}, {"not": {"only": {"Nothing": "*"}}}],
    "present": [{"present": True}, {"not": {"present": False}}],
}


def forms_of(shape: Shape) -> set[str]:
    """The forms that a member takes."""
    match shape.kind:
        case Kind.BOOLEAN:
            return {"flag", "present"}
        case Kind.INTEGER | Kind.LONG:
            return {"number", "present"}
        case Kind.STRING:
            return {"text", "present"} | (set() if shape.values else {"named list"})
        case Kind.TIMESTAMP:
            return {"time", "present"}
        case Kind.LIST:
            assert shape.element is not None
            return {"present"} | (set() if shape.element.kind is Kind.STRUCTURE else {"texts"})
        case Kind.MAP | Kind.STRUCTURE:
            return {"present"}


@pytest.mark.parametrize("known", KNOWN, ids=str)
def test_a_test_of_another_kind_is_refused_where_it_stands(known: Known) -> None:
    """All parameters times all forms: exactly those of the member's kind are valid; each mistake has its place."""
    for form, operands in FORMS.items():
        for operand in operands:
            condition = {known.check: {known.path: operand}}
            found = problems(condition)
            if form in forms_of(known.shape):
                assert not found, operand
            else:
                assert found, operand
                for problem in found:
                    assert problem.path[: len(place(condition, known.path))] == place(condition, known.path)
                    assert "expected" in problem.message or "has no member" in problem.message


@pytest.mark.parametrize("known", [each for each in KNOWN if not each.path.endswith("some key")], ids=str)
def test_a_path_that_leads_nowhere_is_refused_and_told_what_it_may_mean(known: Known) -> None:
    """Misspelled, shortened, lengthened, in other letters: under a positive test, a `not` and `present` alike."""
    steps = known.path.split(".")
    real = {each.path for each in KNOWN if each.check == known.check}
    misspelled = [".".join([*steps[:-1], each]) for each in typos(steps[-1])]
    shortened = [".".join([*steps[:place], *steps[place + 1 :]]) for place in range(len(steps) - 1)]
    lengthened = [f"{known.path}.Nothing"] if known.shape.kind is not Kind.MAP else []
    if known.check == "operation_parameters" and len(steps) == 1:
        misspelled = [known.path.lower()]  # another name may be one of a newer operation
    maps = tuple(f"{each.path.removesuffix('some key')}" for each in KNOWN if each.path.endswith("some key"))
    for path in {*misspelled, *shortened, *lengthened} - real:
        if path.startswith(maps):
            continue
        for test in ("*", {"not": True}, {"present": False}):
            condition = {known.check: {path: test}}
            [problem] = problems(condition)
            assert problem.path == place(condition, path)
            if path in misspelled or path in lengthened:
                assert known.path in problem.message or f"known here: {steps[-1]}" in problem.message
            advice = ("did you mean", "known here", "has none", "is a list; ")
            assert any(each in problem.message for each in advice), problem.message


def typos(name: str) -> list[str]:
    """One letter less, one more, two turned round, another case."""
    middle = len(name) // 2
    turned = f"{name[: middle - 1]}{name[middle]}{name[middle - 1]}{name[middle + 1 :]}"
    return [f"{name[:middle]}{name[middle + 1 :]}", f"{name}s", turned, name.lower()]


def test_every_operation_that_was_left_out_is_named() -> None:
    """`BypassGovernanceRetention` alone is no operation that this version does not know."""
    for known in KNOWN:
        rest = known.path.partition(".")[2]
        if known.check == "operation_parameters" and rest and not rest.endswith("some key"):
            [problem] = problems({known.check: {rest: {"not": True}}})
            assert "did you mean" in problem.message


@pytest.mark.parametrize(("known", "member"), ELEMENTS, ids=str)
def test_a_sub_path_of_an_element_must_exist_and_be_of_its_kind(known: Known, member: Known) -> None:
    """Below any, only and none, inside not and outside."""
    for word in ("any", "only", "none"):
        for sub_path, test in (
            *((f"{member.path}{more}", {"present": True}) for more in ("s", ".Nothing", "..")),
            (member.path.swapcase(), {"present": True}),
            *(
                (member.path, test)
                for form, tests in FORMS.items()
                for test in tests
                if form not in forms_of(member.shape)
            ),
        ):
            for operand in ({word: {sub_path: test}}, {"not": {word: {sub_path: test}}}):
                condition = {known.check: {known.path: operand}}
                found = problems(condition)
                assert found, operand
                assert all(each.path[:6] == place(condition, known.path) for each in found)


@pytest.mark.parametrize("known", [each for each in KNOWN if each.shape.kind is Kind.LIST], ids=str)
def test_a_path_into_a_list_is_told_to_say_any_only_or_none(known: Known) -> None:
    """And how to write it."""
    for step in ("Key", "0", "Grantee.Identifier"):
        [problem] = problems({known.check: {f"{known.path}.{step}": "*"}})
        assert "is a list; " in problem.message
        inner = known.shape.element.members if known.shape.element else {}
        first = step if step.split(".")[0] in inner else next(iter(inner), "")
        how = f"{{none: {{{first}: ...}}}}" if inner else "{any: ...}, {only: ...} or {none: ...}"
        assert f"write {known.path}: {how}" in problem.message


@pytest.mark.parametrize(
    ("check", "path", "values"),
    [
        *((each.check, each.path, each.shape.values) for each in KNOWN if each.shape.values),
        *(
            ("report", closed.partition(".")[2], closed_set(closed))
            if closed.startswith("report")
            else ("manifest", closed.partition(".")[2], closed_set(closed))
            for closed in get_args(ClosedSet)
        ),
    ],
)
def test_a_value_outside_a_closed_set_is_refused(check: str, path: str, values: tuple[str, ...]) -> None:
    """Each value passes, and a pattern that matches one; another case, a letter less and another set's do not."""
    for value in values:
        for right in (value, f"{value[:-1]}?", f"*{value[1:]}", [value, "*"], {"not": value}):
            assert not problems({check: {path: right}}), right
        for wrong in (value.swapcase(), f"{value}x", f"{value[:-1]}", f"x{value}*"):
            if wrong in values:
                continue
            for operand in (wrong, [value, wrong], {"not": wrong}, {"not": [wrong]}):
                [problem] = problems({check: {path: operand}})
                assert value in problem.message
        [named] = find_problems(document({check: {path: {"not": {"list": "mixed"}}}}, lists={"mixed": [value, "odd"]}))
        assert "the list mixed" in named.message
    assert "did you mean" in problems({check: {path: values[0].swapcase()}})[0].message


def test_below_an_operation_that_is_not_known_every_path_and_test_may_stand() -> None:
    """Lint speaks of it; a misspelled known operation is told from a new one by its letters alone."""
    for operands in FORMS.values():
        for operand in operands:
            assert not problems({"operation_parameters": {"S3NewOperation.Some.Path": operand}})


# --- both ways in ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "wrong"), [("negative", 2), ("positive", 2)])
def test_a_file_with_misspelled_parameters_is_refused_by_authoring_and_by_the_gate(name: str, wrong: int) -> None:
    """Each mistake with its line and what was meant; what reads deployed documents tells the same."""
    with pytest.raises(PolicyError) as authored:
        policy_file.load([INPUTS / f"{name}.yaml"])
    assert len(authored.value.problems) == wrong
    for problem in authored.value.problems:
        assert problem.place
        assert "did you mean" in problem.message or "is a list; write" in problem.message
    plain, _ = policy_file.read_plain((INPUTS / f"{name}.yaml").read_bytes(), name)
    with pytest.raises(PolicyError) as deployed:
        load_deployed(json.dumps(plain).encode())
    assert [each.message for each in deployed.value.problems] == [each.message for each in authored.value.problems]


# --- what the words mean ----------------------------------------------------------------------------------

texts = st.sampled_from(["a", "b", "ab", ""])
patterns = st.lists(st.sampled_from(["a", "b", "a*", "?", "*"]), min_size=1, max_size=2).map(sorted)
rows = st.lists(st.fixed_dictionaries({}, optional={"Key": texts, "Value": texts}), max_size=3)
words = st.dictionaries(st.sampled_from(["any", "only", "none"]), patterns, min_size=1)
row_tests = st.dictionaries(
    st.sampled_from(["any", "only", "none"]),
    st.dictionaries(st.sampled_from(["Key", "Value"]), patterns, min_size=1),
    min_size=1,
)


def fits(pattern: str, text: str | None) -> bool:
    """Match one of the patterns above."""
    return text is not None and {"*": True, "?": len(text) == 1, "a*": text.startswith("a")}.get(
        pattern, text == pattern
    )


def holds(word: str, matched: list[bool]) -> bool:
    """Any, only or none."""
    return any(matched) if word == "any" else all(matched) if word == "only" else not any(matched)


@given(words, st.none() | st.lists(texts, max_size=3))
def test_words_over_a_list_of_texts_are_what_they_say(test: dict[str, list[str]], prefixes: list[str] | None) -> None:
    """Side by side they must all hold; `not` is the exact complement, also of an absent and an empty list."""
    constraint: Json = {} if prefixes is None else {"MatchAnyPrefix": [*prefixes]}
    generator: Json = {"S3JobManifestGenerator": {"Filter": {"KeyNameConstraint": constraint}}}
    about = facts(Manifest=None, ManifestGenerator=generator)
    expected = all(
        holds(word, [any(fits(pattern, each) for pattern in wanted) for each in prefixes or []])
        for word, wanted in test.items()
    )
    path = "Filter.KeyNameConstraint.MatchAnyPrefix"
    for operand, met in ((test, expected), ({"not": test}, not expected)):
        result = outcome(document({"manifest_generator": {path: operand}}), about).trace[0].requirements[0].result
        assert result is (MET if met else VIOLATED)


@given(row_tests, st.none() | rows)
def test_one_element_must_meet_all_sub_paths(test: dict[str, dict[str, list[str]]], tags: list[Any] | None) -> None:
    """Two elements that meet one each do not."""
    about = facts(Operation={"S3PutObjectTagging": {} if tags is None else {"TagSet": tags}})
    expected = all(
        holds(
            word,
            [
                all(any(fits(pattern, row.get(name)) for pattern in wanted) for name, wanted in row_test.items())
                for row in tags or []
            ],
        )
        for word, row_test in test.items()
    )
    for operand, met in ((test, expected), ({"not": test}, not expected)):
        condition = {"operation_parameters": {"S3PutObjectTagging.TagSet": operand}}
        result = outcome(document(condition), about).trace[0].requirements[0].result
        assert result is (MET if met else VIOLATED)


instants = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC)) | st.sampled_from(  # noqa: DTZ001
    [SUSPENDED, SUSPENDED + timedelta(days=1), datetime(2026, 6, 1, tzinfo=UTC)]
)


@given(
    instants,
    st.none() | instants,
    st.none() | instants,
    st.none() | st.integers(0, 400 * 24),
    st.sampled_from(range(-12, 14)),
)
def test_words_of_a_time_are_what_they_say(
    time: datetime, before: datetime | None, after: datetime | None, hours: int | None, offset: int
) -> None:
    """Earlier than before, then or later than after, at most so long after the creation; in any offset."""

    def written(instant: datetime) -> str:
        return instant.astimezone(timezone(timedelta(hours=offset))).isoformat()

    test = {
        **({"before": written(before)} if before else {}),
        **({"after": written(after)} if after else {}),
        **({"within": f"{hours}h"} if hours is not None else {}),
    }
    if not test:
        return
    expected = (
        (before is None or time < before)
        and (after is None or time >= after)
        and (hours is None or time <= SUSPENDED + timedelta(hours=hours))
    )
    for value in (time, time.isoformat(), written(time)):
        about = facts(Operation={"S3PutObjectRetention": {"Retention": {"RetainUntilDate": value}}})
        for operand, met in ((test, expected), ({"not": test}, not expected)):
            condition = {"operation_parameters": {"S3PutObjectRetention.Retention.RetainUntilDate": operand}}
            result = outcome(document(condition), about).trace[0].requirements[0].result
            assert result is (MET if met else VIOLATED)


@pytest.mark.parametrize("value", [7, True, "text", "", {"a": 1}, {}, ["2027-01-01"], "2027-13-01", "24:00"])
def test_what_is_no_time_violates_every_test_of_a_time(value: Json) -> None:
    """And what is no list every word of a list; `not` is the complement."""
    about = facts(Operation={"S3NewOperation": {"Value": value}})
    tests: list[Any] = [{"before": "9999-12-31"}, {"after": "0001-01-01"}, {"within": "999999999d"}]
    if not isinstance(value, list):
        tests += [{"any": "*"}, {"only": "*"}, {"none": "nothing"}]
    for test in tests:
        for operand, result in ((test, VIOLATED), ({"not": test}, MET)):
            condition = {"operation_parameters": {"S3NewOperation.Value": operand}}
            assert outcome(document(condition), about).trace[0].requirements[0].result is result


def test_the_reason_says_what_a_list_and_a_time_should_be() -> None:
    """In words, with the elements that are texts."""
    test = checks.every(
        [
            checks.Elements("only", checks.Below("Permission", checks.Matches(frozenset({"READ"})))),
            checks.Elements(
                "none",
                checks.every(
                    [
                        checks.Below("Grantee.TypeIdentifier", checks.Matches(frozenset({"uri"}))),
                        checks.Below("Permission", checks.Matches(frozenset({"READ"}))),
                    ]
                ),
            ),
        ]
    )
    assert test.wanted == "none with (Grantee.TypeIdentifier uri and Permission READ) and only with Permission READ"
    assert checks.Not(test).wanted.startswith("not (none with ")
    assert (
        checks.Dated(datetime(2027, 1, 1, tzinfo=UTC), None, timedelta(days=365)).wanted
        == "before 2027-01-01T00:00:00Z and within 365d of the job's creation"
    )
    assert checks.Dated(None, None, timedelta(hours=36)).wanted == "within 129600s of the job's creation"


def test_a_random_mix_of_parameters_survives_its_canonical_form() -> None:
    """Every known parameter with one of its tests, many at a time."""
    rng = Random(3)
    for _ in range(30):
        chosen = rng.sample(KNOWN, 12)
        conditions = [
            {each.check: {each.path: rng.choice([test for test, _ in each_test_of(each.shape, value_of(each.shape))])}}
            for each in chosen
        ]
        written = document(*conditions, lists={"some": ["x"]})
        once = canonical_json(read_document(written))
        assert canonical_json(read_document(json.loads(once))) == once
