"""Tests of experiments/gan."""
