"""One function makes text for people shorter, and marks what it left out."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchgate.text import MARK, shorten
from tests.unit.strategies import any_text

lengths = st.integers(min_value=len(MARK), max_value=80)


@given(any_text, lengths, st.booleans())
def test_a_text_that_fits_stays_and_another_is_marked(text: str, at_most: int, sentence: bool) -> None:
    """Nothing is longer than it may be, and no cut goes unseen."""
    said = shorten(text, at_most, sentence=sentence)
    assert len(said) <= at_most
    assert said == text if len(text) <= at_most else MARK in said


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=60), lengths)
def test_an_arn_keeps_its_end(name: str, at_most: int) -> None:
    """Partition, service and account are the same for all; the name is not. However often it is shortened."""
    arn = f"arn:aws:lambda:eu-west-3:111122223333:function:{name}"
    said = shorten(arn, at_most)
    assert said.startswith(MARK)
    assert arn.endswith(said.removeprefix(MARK))
    assert len(said) == at_most
    assert shorten(shorten(arn, at_most + 20), at_most) == said


@given(st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=81), lengths)
def test_other_text_keeps_both_ends_and_a_sentence_its_beginning(text: str, at_most: int) -> None:
    """So that neither a common beginning nor a common end hides what differs."""
    begin, _, end = shorten(text, at_most).partition(MARK)
    assert text.startswith(begin)
    assert text.endswith(end)
    assert len(begin) >= len(end) >= (at_most - len(MARK)) // 3
    sentence = shorten(text, at_most, sentence=True)
    assert text.startswith(sentence.removesuffix(MARK))


# --- nowhere else ---------------------------------------------------------------------------------------

HERE = Path(__file__).resolve().parents[2]
ROOTS = ("functions/batchgate", "cli", "infra")

WITHOUT_LOSS = {
    ("functions/batchgate/gate/digest.py", "others[:_IDS_LISTED]"),  # with how many more there are behind it
    ("functions/batchgate/manifest/count.py", "memoryview(chunk)[:ends]"),  # bytes, of which the rest comes next
    ("functions/batchgate/policy/evidence.py", "hashlib.sha256(seen).hexdigest()[:16]"),
    ("functions/batchgate/policy/compile.py", "hashlib.sha256(canonical).hexdigest()[:12]"),
    ("functions/batchgate/policy/validation/value_messages.py", "names[:_KEYS_NAMED]"),  # with its own mark behind it
    ("functions/batchgate/policy/validation/references.py", "sorted(known)[:_NAMES_NAMED]"),  # the same
    ("cli/batchgate_cli/authoring/case_members.py", "names[:_NAMED_AT_MOST]"),  # with how many more there are behind it
    ("cli/batchgate_cli/authoring/policy_file.py", "text[:position]"),  # counted, not shown
    ("cli/batchgate_cli/authoring/lint/implications.py", "list(nodes)[:_COMPARED_AT_MOST]"),  # how many are compared
    ("infra/policy_store.py", "self._settings.stack_name[:48]"),  # a name for AWS, not for people
    ("infra/settings.py", "expected[:1]"),
    ("functions/batchgate/handlers/api_requests.py", "start[:1]"),
    ("functions/batchgate/aws/policy_versions.py", "hashlib.sha256(content).hexdigest()[:_VERSION_DIGITS]"),
    ("cli/batchgate_cli/operating/audit.py", r"_hash(content.rstrip(b'\n'))[:_VERSION_DIGITS]"),
    (  # those that make room for a later one, not shown
        "functions/batchgate/gate/transitions.py",
        "sorted(approvals, key=lambda each: each.digest == approval.digest)[:excess]",
    ),
    ("functions/batchgate/handlers/api_views.py", "hashlib.sha256(content).hexdigest()[:16]"),
    (  # with how many more there are behind it
        "functions/batchgate/policy/suggestions.py",
        "sorted(known, key=lambda name: _edits(folded, name.casefold(), _COMPARED_AT_MOST))[:3]",
    ),
    (  # one finding is enough
        "cli/batchgate_cli/authoring/lint/operations.py",
        "sorted(map(str, filter(_is_alias, _patterns(leaf.check.test))))[:1]",
    ),
    # a value to try, which nobody reads
    ("cli/batchgate_cli/authoring/comparison/values.py", "sorted(each, key=str)[:50]"),
    # searched for in a reason
    ("cli/batchgate_cli/operating/held_view.py", "awaiting[:_AWAITING_BEGINS]"),
    # with how many more there are behind it
    ("cli/batchgate_cli/authoring/lint/unmeasured.py", "missing[:_NAMED]"),
    ("cli/batchgate_cli/local/memory_ledger.py", "sorted(found, key=lambda each: each[0])[:at_most]"),  # a page
    ("cli/batchgate_cli/local/demo_jobs.py", "arguments[:2]"),  # the command of the AWS CLI, without its options
}


def cuts(source: str) -> Iterator[str]:
    """Every beginning of something that is put into a text, or that is taken of a call's text."""
    tree = ast.parse(source)
    inside = {id(node) for text in ast.walk(tree) if isinstance(text, ast.JoinedStr) for node in ast.walk(text)}
    for node in ast.walk(tree):
        match node:
            case ast.Subscript(slice=ast.Slice(lower=None, upper=ast.expr() as upper)) if not isinstance(
                upper, ast.UnaryOp
            ):
                if id(node) in inside or isinstance(node.value, ast.Call | ast.JoinedStr):
                    yield ast.unparse(node)
            case _:
                pass


@pytest.mark.parametrize("root", ROOTS)
def test_nothing_else_cuts_text_for_people(root: str) -> None:
    """No message, log line, reason, table or event ends before the part that differs without showing it."""
    found = {
        (str(path.relative_to(HERE)), cut)
        for path in (HERE / root).rglob("*.py")
        for cut in cuts(path.read_text(encoding="utf-8"))
    }
    assert found <= WITHOUT_LOSS, found - WITHOUT_LOSS


def test_a_cut_is_found_wherever_it_is_made() -> None:
    """In a formatted text, of a call's answer, of a formatted text; the rest of a list is none."""
    source = 'f"{a[:3]!r}"; str(a)[:3]; f"{a}"[:3]; a[:3]; f"{a[1:]}"; f"{a[:-1]}"'
    assert sorted(cuts(source)) == ["a[:3]", "f'{a}'[:3]", "str(a)[:3]"]
