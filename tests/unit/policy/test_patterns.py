"""`*` and `?` like IAM's: whole string, case-sensitive, nothing else is special."""

import string
from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.jobs.model import JobRef
from batchgate.policy.patterns import (
    Glob,
    GlobError,
    check_glob,
    fill_placeholders,
    has_placeholder,
    is_literal,
    matcher,
    matcher_by_job,
)
from tests.unit.strategies import any_text, job_refs


def plainly_matches(pattern: str, text: str) -> bool:
    """Match the textbook way: which ends of the text can each piece of the pattern reach."""
    reachable = {0}
    for piece in pattern:
        if piece == "*":
            reachable = set(range(min(reachable), len(text) + 1)) if reachable else set()
        else:
            reachable = {end + 1 for end in reachable if end < len(text) and piece in ("?", text[end])}
    return len(text) in reachable


few_letters = st.text("ab*?.\\[]+\n/:$", max_size=12)


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=8))
def test_patterns_full_of_near_misses_match_as_the_textbook_says(pattern: str, text: str) -> None:
    """Where pieces fit at several places, the first that leaves room for the rest is found."""
    assert matcher([pattern])(text) == plainly_matches(pattern, text)


@given(st.lists(few_letters, min_size=1, max_size=4), few_letters)
def test_patterns_match_as_the_textbook_says(patterns: list[str], text: str) -> None:
    """Any of the patterns, against an implementation that shares nothing with ours."""
    assert matcher(patterns)(text) == any(plainly_matches(pattern, text) for pattern in patterns)


by_job = st.lists(st.sampled_from(["${account}", "${region}", "${partition}", "${", "a", "*", "1", "?"]), max_size=6)


@given(st.lists(by_job.map("".join), min_size=1, max_size=3), st.data())
def test_placeholders_match_the_job_s_own_values(patterns: list[str], data: st.DataObject) -> None:
    """Filled in by the textbook's replacing; alone, among others, and with too many others to search one by one."""
    ref = JobRef("aws", "a-1", "111111111111", "job-1")
    words = st.lists(st.sampled_from([ref.account_id, ref.region, ref.partition, "a", "1", "${", "x"]), max_size=6)
    text = data.draw(words.map("".join))
    expected = any(plainly_matches(fill_placeholders(pattern, ref), text) for pattern in patterns)
    assert matcher_by_job(patterns)(text, ref) == expected
    assert matcher_by_job([*patterns, *(f"${{account}}-{number}" for number in range(20))])(text, ref) == expected


@given(any_text, any_text)
def test_any_text_can_be_a_pattern_and_be_matched(pattern: str, text: str) -> None:
    """All of Unicode is literal but the two wildcards."""
    assert matcher([pattern])(text) == plainly_matches(pattern, text)
    assert matcher([pattern.replace("*", "?")])(pattern)
    assert matcher([f"*{text.replace('*', '?')}*"])(f"{pattern}{text}{pattern}")


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        ("", "", True),
        ("", "a", False),
        ("*", "", True),
        ("*", "a/b:c\n", True),
        ("**", "x", True),
        ("?", "", False),
        ("?", "\n", True),
        ("?", "😀", True),
        ("lake-*", "lake-", True),
        ("lake-*", "Lake-a", False),
        ("lake-*", "a-lake-b", False),
        ("arn:*role/x", "arn:aws:iam::111111111111:role/path/role/x", True),
        ("[al]*", "a", False),
        ("[al]*", "[al]b", True),
        ("a.b", "aXb", False),
        ("a\\*", "a*", False),
        ("a\\*", "a\\b", True),
        ("a\\?", "a\\b", True),
        ("a|b", "a", False),
        ("(a)", "a", False),
        ("^a$", "a", False),
        ("a", "a\n", False),
        ("a*b*c", "a-b-b-c-c", True),
        ("a*b*c", "a-c-b", False),
        ("*a*b*", "aba", True),
        ("*ab*ab*ab", "ababab", True),
        ("*a?b*", "xa-bx", True),
    ],
)
def test_each_rule_by_example(pattern: str, text: str, matches: bool) -> None:
    """`*` crosses slashes, colons and lines; brackets, dots and backslashes are literal."""
    assert matcher([pattern])(text) is matches
    assert plainly_matches(pattern, text) is matches


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("*a" * 50, "a" * 20_000 + "b"),
        ("*a*" * 50 + "c", "a" * 20_000),
        ("a*" * 50 + "b", "a" * 20_000),
        ("*" * 10_000 + "b", "a" * 20_000),
        ("?" * 200 + "*" + "?" * 200 + "b", "a" * 20_000),
        ("*ab" * 100 + "*c", "ab" * 10_000),
    ],
)
def test_patterns_full_of_stars_come_to_an_end(pattern: str, text: str) -> None:
    """A text made to hurt is refused; a matcher that goes back on its stars would not end here."""
    matches = matcher([pattern])
    assert not matches(text)


@given(job_refs)
def test_placeholders_are_filled_from_the_jobs_arn(ref: JobRef) -> None:
    """Account, Region and partition; everything else stays, also what looks like one."""
    pattern = "${account}-${region}-${partition}-${account}-$account-${Account}-{region}"
    assert fill_placeholders(pattern, ref) == (
        f"{ref.account_id}-{ref.region}-{ref.partition}-{ref.account_id}-$account-${{Account}}-{{region}}"
    )
    assert is_literal(fill_placeholders(pattern, ref))
    assert not set("*?$") & set(ref.account_id + ref.region + ref.partition)


@given(st.text(string.ascii_letters + string.punctuation, max_size=20))
def test_a_literal_pattern_matches_itself_only(pattern: str) -> None:
    """What names an operation literally names just that one."""
    if is_literal(pattern):
        assert matcher([pattern])(pattern)
        assert not matcher([pattern])(f"{pattern}x")
        assert not has_placeholder(pattern)
    else:
        assert "*" in pattern or "?" in pattern or has_placeholder(pattern)


# --- globs --------------------------------------------------------------------------------------------


def is_valid(text: str) -> bool:
    """Whether a glob is one."""
    try:
        check_glob(text)
    except GlobError:
        return False
    return True


globs = st.text("ab-]![^*?0", max_size=9) | st.lists(
    st.sampled_from([*"ab*?-]0", "[a-b]", "[!a]", "[ab0]", "[]]", "[!]a]", "[a-]", "[[]", "[*]", "[!?]", "[0-9a]"]),
    max_size=5,
).map("".join)


@given(globs.filter(is_valid), st.text("ab-]![^*?0c", max_size=7))
def test_a_glob_matches_as_the_shell_does(glob: str, text: str) -> None:
    """Against the standard library's, which shares nothing with ours."""
    assert matcher([Glob(glob)])(text) == fnmatchcase(text, glob)


@given(any_text.filter(is_valid), any_text)
def test_any_text_can_be_matched_by_any_glob(glob: str, text: str) -> None:
    """Whatever character stands in a glob, or in a class, is just that character."""
    assert matcher([Glob(glob)])(text) == fnmatchcase(text, glob)
    for char in glob:
        written = f"[{char}]" if char not in "^!]" else "[]]" if char == "]" else char
        assert matcher([Glob(written)])(char)
        assert not matcher([Glob(written)])(chr((ord(char) + 1) % 0x10FFFF))


@given(st.text("ab*?.\\]+\n/:$", max_size=12), few_letters)
def test_a_glob_without_a_bracket_matches_as_the_same_pattern(pattern: str, text: str) -> None:
    """Nothing but brackets means anything else in a glob."""
    assert matcher([Glob(pattern)])(text) == matcher([pattern])(text)


@pytest.mark.parametrize(
    ("glob", "says"),
    [
        ("a[", "expected a ] to close the class"),
        ("[]", "expected a ] to close the class"),
        ("[!]", "expected a ] to close the class"),
        ("x[0-9", "to match a \\[, write \\[\\[\\]"),
        ("[9-0]", 'expected a range from low to high, got "9-0"; write 0-9'),
        ("[a-Z]", "expected a range from low to high"),
        ("[^0-9]", "write \\[!0-9\\]"),
        ("[[:digit:]]", "write the range, such as \\[0-9\\]"),
        ("[${account}]", "outside the brackets"),
        ("[" + "x" * 10_000, "expected a ]"),
    ],
)
def test_a_glob_that_can_not_be_meant_is_refused(glob: str, says: str) -> None:
    """With what to write instead, and not with all of a long one."""
    with pytest.raises(GlobError, match=says) as refused:
        check_glob(glob)
    assert len(str(refused.value)) < 200


@pytest.mark.parametrize(
    ("glob", "text"),
    [
        ("*[a-c]" * 50, "a" * 20_000 + "d"),
        ("*[!b]*" * 50 + "c", "a" * 20_000),
        ("*[ab][!c]" * 100 + "*c", "ab" * 10_000),
        ("[a]" * 200 + "*" + "[!b]" * 200 + "b", "a" * 20_000),
    ],
)
def test_globs_full_of_stars_come_to_an_end(glob: str, text: str) -> None:
    """As with plain patterns: text times pattern, and no more."""
    assert not matcher([Glob(glob)])(text)


def test_a_glob_names_nothing_literally_and_is_no_plain_pattern() -> None:
    """The same text is another pattern as a glob; both may stand side by side."""
    assert not is_literal(Glob("S3PutObjectCopy"))
    both = matcher(["[a]", Glob("[a]")])
    assert both("[a]")
    assert both("a")
    assert not matcher(["[a]"])("a")
    assert not matcher([Glob("[a]")])("[a]")
