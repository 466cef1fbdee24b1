"""The pipeline: the phases of a request as one table, challenges, budgets, limits."""

from doorward.door.budget import FailureBudget
from doorward.door.door import Admitted, Door, Settlement

__all__ = ["Admitted", "Door", "FailureBudget", "Settlement"]
