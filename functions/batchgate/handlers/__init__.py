"""What Lambda calls: a few lines each."""
