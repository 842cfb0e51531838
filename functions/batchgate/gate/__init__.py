"""How a job is decided: the flow, the protocol and what each step writes."""
