"""`python -m tillage` is the command `tillage`."""

from tillage.cli.app import main

main()
