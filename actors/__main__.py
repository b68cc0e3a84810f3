"""`python -m actors` is `clarion`."""

from actors.cli import main

main(prog_name="clarion")
