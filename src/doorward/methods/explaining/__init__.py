"""What usually happens to a body between two programs, undone: for every method that has to say why a proof fails.

Nothing here knows a key, a signature or a method. Bodies go in, bodies that may have been sent come out, each with the
change in words and its cure; whoever has the proof tries them. Every step of it is paid for (`work.py`).
"""

from doorward.methods.explaining.bodies import Bodies
from doorward.methods.explaining.change import RAW_BODY_CURE, Change, Variant, distinct
from doorward.methods.explaining.work import STEP_UNITS, WORK_UNITS_MAX, Work, tell_tried

__all__ = [
    "RAW_BODY_CURE",
    "STEP_UNITS",
    "WORK_UNITS_MAX",
    "Bodies",
    "Change",
    "Variant",
    "Work",
    "distinct",
    "tell_tried",
]
