"""The command line: what `doorward` does when a person or a script runs it."""
