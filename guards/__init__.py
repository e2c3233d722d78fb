"""What must let an edge pass: conditions, limits, outcome matches, gates, budgets and retry, as data."""
