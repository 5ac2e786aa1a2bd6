"""Tests of monic; they mirror the layout of src."""
