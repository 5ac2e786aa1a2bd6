"""Decisions about convolutional layers that never write the layer's matrix out."""
