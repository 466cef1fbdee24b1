"""Everything that is asked of another machine, through one guarded client (invariant 9)."""
