"""The approval gate for Amazon S3 Batch Operations."""
