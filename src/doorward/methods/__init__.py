"""Ways to prove who you are, one folder each, all of one shape. No method imports another.

`contract.py` is what a method promises the pipeline; `plane.py` is what the methods of one store share.
"""
