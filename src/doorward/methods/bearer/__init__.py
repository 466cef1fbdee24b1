"""Access tokens that carry their own proof: signed JWTs as bearer tokens."""
