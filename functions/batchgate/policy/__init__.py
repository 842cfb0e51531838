"""What the gate decides: policies, facts and the judgement of one by the other."""
