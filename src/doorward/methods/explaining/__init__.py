"""What usually happens to a body between two programs, undone: for every method that has to say why a proof fails.

Nothing here knows a key, a signature or a method. Bodies go in, bodies that may have been sent come out, each with the
change in words and its cure; whoever has the proof tries them. Every search is bounded in octets and depth.
"""

from doorward.methods.explaining.bodies import Bodies
from doorward.methods.explaining.change import RAW_BODY_CURE, Change, Variant, distinct

__all__ = ["RAW_BODY_CURE", "Bodies", "Change", "Variant", "distinct"]
