"""A mutation run over the checker's own code: `python -m tests.mutation`; see `__main__`."""
