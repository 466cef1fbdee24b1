"""Apps: who owns the credentials of programs. An app is never a person."""
