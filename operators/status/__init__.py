"""What users are told: problems and acknowledgements → conditions, addresses and events, written by the leader, only where they differ."""
