"""`python -m doorward.cli` is the command `doorward`."""

from doorward.cli.entry import main

main()
