"""The constants that the compiled kernels share."""

__all__ = [
    "ACTIVE",
    "BLOCKED",
    "CHARGE",
    "COLUMN",
    "COORDINATES",
    "EPSILON",
    "EXCLUDED",
    "GAIN",
    "OPEN",
    "PRICES",
    "ROUND",
    "SCORES",
]

# what a row is to the present node; ROUND: a side of the ball, made when it was needed
ROUND, OPEN, EXCLUDED, ACTIVE, BLOCKED = -1, 0, 1, 2, 3
# the rows of `work`
PRICES, SCORES, COLUMN, COORDINATES, CHARGE = 0, 1, 2, 3, 4

GAIN = 1e-9  # smaller reduced costs are no gains
EPSILON = 2.0**-52
