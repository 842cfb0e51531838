"""The approval gate for Amazon S3 Batch Operations."""

__version__ = "0.1.0"
