"""Tests of monic.nn."""
