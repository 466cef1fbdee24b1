"""The pipeline: the phases of a request as one table, challenges, budgets, limits."""

from doorward.door.admitted import NOTHING_CLAIMED
from doorward.door.budget import FailureBudget
from doorward.door.door import Admitted, Door, Settlement

__all__ = ["NOTHING_CLAIMED", "Admitted", "Door", "FailureBudget", "Settlement"]
