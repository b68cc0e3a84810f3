"""The fixture every test of the command line starts from; see typing_in.py."""

from tests.actors.cli.typing_in import here

__all__ = ["here"]
