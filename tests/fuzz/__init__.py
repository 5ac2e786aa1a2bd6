"""Fuzzers of everything that reads a file, in plain Python: `python -m tests.fuzz --help`."""
