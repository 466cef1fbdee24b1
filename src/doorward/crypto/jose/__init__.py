"""JSON Web Signatures and keys, strict: what a verifier of access tokens needs, and nothing else."""
