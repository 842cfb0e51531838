"""What to write instead of an operation that S3 Batch Operations does not have."""

from datetime import date

import pytest

from batchgate.jobs.model import KNOWN_OPERATIONS
from batchgate_cli.authoring import policy_file
from batchgate_cli.authoring.lint.operation_names import NO_DELETION, operation_meant, what_to_write
from batchgate_cli.authoring.lint_file import located_findings

CHECKSUM = "S3ComputeObjectChecksum"


@pytest.mark.parametrize(
    "name",
    [
        "S3DeleteObject",
        "S3DeleteObjects",
        "DeleteObject",
        "DeleteObjects",
        "S3DeleteObjectVersion",
        "S3DeleteBucket",
        "Delete",
        "s3:DeleteObject",
        "S3Delete*Object",
        "S3RemoveObject",
        "S3ExpireObject",
        "PurgeObjects",
    ],
)
def test_who_wants_to_delete_is_told_that_there_is_no_such_operation(name: str) -> None:
    """Not sent to S3DeleteObjectTagging, which deletes no objects; and told how jobs delete all the same."""
    assert what_to_write(name) == NO_DELETION
    assert "LambdaInvoke" in NO_DELETION
    assert "lifecycle" in NO_DELETION


@pytest.mark.parametrize(
    ("name", "operation"),
    [
        ("S3PutObjectTaging", "S3PutObjectTagging"),
        ("s3putobjecttagging", "S3PutObjectTagging"),
        ("PutObjectTagging", "S3PutObjectTagging"),
        ("S3TagObject", "S3PutObjectTagging"),
        ("DeleteObjectTagging", "S3DeleteObjectTagging"),
        ("S3DeleteObjectTags", "S3DeleteObjectTagging"),
        ("CopyObject", "S3PutObjectCopy"),
        ("S3CopyObject", "S3PutObjectCopy"),
        ("RestoreObject", "S3InitiateRestoreObject"),
        ("S3RestoreObject", "S3InitiateRestoreObject"),
        ("InvokeLambda", "LambdaInvoke"),
        ("S3PutObjectACL", "S3PutObjectAcl"),
        ("ReplicateObject", "S3ReplicateObject"),
        ("S3ObjectLockLegalHold", "S3PutObjectLegalHold"),
        ("EncryptObject", "S3UpdateObjectEncryption"),
    ],
)
def test_a_misspelled_operation_and_the_name_of_the_api_call_lead_to_the_operation(name: str, operation: str) -> None:
    """By a letter or two, or by the word that says what is done; all findings about the name agree."""
    assert what_to_write(name) == f"write {operation}"
    text = f"match: [{{operation: {name}}}, {{operation: {CHECKSUM}}}]\n    require: []"
    loaded = policy_file.load_text(f"version: 1\npolicies:\n  - name: p\n    {text}\n")
    advice = {found.finding.lint: found.finding.instead for found in located_findings(loaded, date(2026, 11, 20))}
    assert advice["matches-nothing"].endswith(f"write one with [{', '.join(sorted({operation, CHECKSUM}))}]")


@pytest.mark.parametrize("name", ["S3GetObject", "S3HeadObject", "S3PutObject", "S3ListObjects", "S3Foo", "", "S3"])
def test_what_batch_operations_can_not_do_is_sent_to_no_other_operation(name: str) -> None:
    """All that there are are named instead: S3PutObject is not a misspelled S3PutObjectAcl."""
    assert what_to_write(name) == f"write one of {', '.join(sorted(KNOWN_OPERATIONS))}"
    assert operation_meant(name) == name


@pytest.mark.parametrize("known", sorted(KNOWN_OPERATIONS))
def test_every_operation_with_a_letter_missing_leads_back_to_it(known: str) -> None:
    """Wherever the letter is missing."""
    for place in range(len(known)):
        assert what_to_write(known[:place] + known[place + 1 :]) == f"write {known}"
