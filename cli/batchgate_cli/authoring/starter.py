"""What `batchgate policy new` writes."""

STARTER_POLICY = """\
# yaml-language-server: $schema={schema}
#
# Which S3 Batch Operations jobs may run without a person. The line above makes editors with a YAML
# language server complete and check this file.
version: 1

# shadow: every job is evaluated and recorded, and none is changed. Remove this line to enforce the policies.
mode: shadow

# A guardrail restricts what it matches and never approves. Without `match` it governs every job.
guardrails:
  - name: nothing-huge
    require:
      - total_tasks: {{at_most: 10_000_000}}
        message: split the job, or ask the platform team
  - name: retention-by-hand
    match:
      - operation: [S3PutObjectRetention, S3PutObjectLegalHold]
    require:
      - manual_approval: required

# A policy may approve the jobs that it matches, if all that it requires is met and no guardrail
# objects. What no policy matches is held for a person.
policies:
  - name: checksums
    description: They read objects and change nothing.
    match:
      - operation: S3ComputeObjectChecksum
    require: []
  - name: small-tagging
    match:
      - operation: [S3PutObjectTagging, S3DeleteObjectTagging]
    require:
      - total_tasks: {{at_most: 1_000_000}}
"""

STARTER_CASES = """\
# What is expected of {policy}; run with: batchgate policy test {cases}
policy: ../{policy}
cases:
  - name: a checksum job is approved
    job: {{operation: S3ComputeObjectChecksum, total_tasks: 5_000_000}}
    at: 2026-11-20T12:00:00Z
    expect: approve
  - name: a huge checksum job is held
    job: {{operation: S3ComputeObjectChecksum, total_tasks: 50_000_000}}
    at: 2026-11-20T12:00:00Z
    expect: hold
    decided_by: [nothing-huge.total_tasks]
  - name: small tagging is approved
    job: {{operation: S3PutObjectTagging, total_tasks: 20}}
    at: 2026-11-20T12:00:00Z
    expect: approve
  - name: larger tagging is held
    job: {{operation: S3DeleteObjectTagging, total_tasks: 1_000_001}}
    at: 2026-11-20T12:00:00Z
    expect: hold
    decided_by: [small-tagging.total_tasks]
  - name: retention waits for a person
    job: {{operation: S3PutObjectRetention, total_tasks: 1}}
    at: 2026-11-20T12:00:00Z
    expect: hold
    decided_by: [retention-by-hand.manual_approval, unmatched]
  - name: retention that a person approved is approved
    job: {{operation: S3PutObjectRetention, total_tasks: 1}}
    approvals: [{{who: "arn:aws:sts::111122223333:assumed-role/lake-oncall/ana"}}]
    at: 2026-11-20T12:00:00Z
    expect: approve
"""
