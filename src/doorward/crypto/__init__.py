"""The only importer of `cryptography`: hashing, constant-time comparison, sealing at rest."""
