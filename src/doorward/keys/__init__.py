"""The keyring: our signing keys through their life, the JWKS we publish, and other issuers' JWKS. DESIGN section 4."""
