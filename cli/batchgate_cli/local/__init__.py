"""The AWS around the gate, on one machine: for demos, tests and trying things out."""
