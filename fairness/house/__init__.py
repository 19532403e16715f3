"""The methods of the two house teams: from the public sample alone, fixes written as rules."""

from fairness.house.costs import propose_costs
from fairness.house.slices import propose_slices
from fairness.house.trials import Proposal

__all__ = ["Proposal", "propose_costs", "propose_slices"]
