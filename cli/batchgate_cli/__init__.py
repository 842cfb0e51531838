"""The `batchgate` command: one module a command group."""
