"""Doorward: one front door for APIs. What users import, and nothing else."""
