"""What pytest leaves alone here."""

collect_ignore = ["fuzz_atheris.py"]  # it needs atheris, and is run by hand
