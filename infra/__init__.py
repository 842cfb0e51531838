"""What CloudFormation makes: the gate and everything around it in one account and Region."""
