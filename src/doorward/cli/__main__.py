"""`python -m doorward.cli` is the command `doorward`."""

from doorward.cli import main

main()
