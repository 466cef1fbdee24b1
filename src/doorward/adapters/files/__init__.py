"""What a verifier without a database keeps on its own disk: the last view of revocations, to survive a restart with."""
