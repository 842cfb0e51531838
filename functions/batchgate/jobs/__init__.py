"""What S3 says of its Batch Operations jobs, in S3's own words."""
