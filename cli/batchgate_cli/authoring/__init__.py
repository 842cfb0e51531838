"""Policy files, cases, findings and reference: what authors of policies work with."""
