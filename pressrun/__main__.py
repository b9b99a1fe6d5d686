"""`python -m pressrun`: the same as the command."""

from pressrun.cli import main

main()
