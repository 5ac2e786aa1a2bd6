"""`python -m monic`, the same as the command `monic`."""

from monic.cli import main

main()
