"""Telling the world what reviews came to."""

from dataclasses import dataclass

from aws_lambda_powertools import Logger

from batchgate.policy.wording import printable
from batchgate.ports import Review


@dataclass(slots=True)
class LogAnnouncer:
    """One structured log line for each review that came to something."""

    logger: Logger

    def announce(self, review: Review) -> None:
        """Write the line; what needs a person is a warning."""
        write = self.logger.warning if review.alarm else self.logger.info
        write(f"job {review.action}", extra={"decision": review_fields(review)})


def review_fields(review: Review) -> dict[str, str | int | bool | None]:
    """A review as flat fields, printable ASCII throughout."""
    return {
        "job_arn": review.ref.arn,
        "job_id": review.ref.job_id,
        "action": review.action,
        "verdict": review.verdict,
        "reason": printable(review.reason),
        "until": review.until.isoformat() if review.until else None,
        "operation": printable(review.operation),
        "total_tasks": review.total_tasks,
        "status": str(review.status),
        "policy_version": review.policy_version,
        "decided_by": printable(review.decided_by),
        "claim_id": review.claim_id,
        "attempt": review.attempt,
        "unattributed": review.unattributed,
        "alarm": printable(review.alarm),
    }
