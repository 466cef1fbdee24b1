"""What you may touch. A `Decision` is never an identity."""
