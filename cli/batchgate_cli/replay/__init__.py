"""Jobs of the past: recorded from S3, and evaluated again by other policies."""
