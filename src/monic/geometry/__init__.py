"""Rows in R^n: rational linear algebra, flats, separation."""
