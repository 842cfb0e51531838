"""`*` and `?` like IAM's: whole string, case-sensitive, nothing else is special."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.jobs.model import JobRef
from batchgate.policy.patterns import fill_placeholders, has_placeholder, is_literal, matcher
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
