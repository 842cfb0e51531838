"""What changes from one policy set to another: as text, and for which jobs."""
