"""What happened, in order, tamper-evident.

Two classes of record (invariant 6): *changes* commit in their transaction, chained in the database; *verifications*
are batched to a size-rotated log, one chain per process.
"""
