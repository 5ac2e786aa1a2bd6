"""Certified intervals: second roads, laws, named cases, interrupts."""
