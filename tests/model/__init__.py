"""Tests of the model: what is asked about."""
