"""Access tokens that prove nothing by themselves: random text, looked up in the store or at the issuer."""
