"""What the gate decides: policies, facts and the evaluation of one by the other."""
