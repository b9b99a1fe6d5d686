"""`python -m pressrun`: the same as the command."""

from pressrun.cli.main import main

main()
