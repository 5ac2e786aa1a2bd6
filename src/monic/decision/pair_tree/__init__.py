"""The pair tree: whether a piecewise-linear network is injective on a polyhedron, with a proof."""
