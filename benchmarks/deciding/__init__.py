"""What benchmarks/decide.py consists of: instances, processes with a cap, sections, tables."""
