"""S3 Batch Operations jobs and their events, in S3's own terms."""
