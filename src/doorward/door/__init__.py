"""The pipeline: the phases of a request as one table, challenges, budgets, limits."""
