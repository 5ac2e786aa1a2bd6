"""Tests of the linear algebra under the engine."""
