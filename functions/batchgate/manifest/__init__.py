"""Reading manifests exactly: what the rows of a CSV or of an S3 Inventory say, or why it can't be told."""
