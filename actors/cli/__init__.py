"""The command line: `clarion …`, and the same as `python -m actors`.

    front       settings, a transaction for each act, failures as one line
    running     serve, deliver, migrate, demo
    accounts    actor, organiser
    campaigns   campaign
    health      queue, doctor
    output      rows and lines;  logs  what long-running ones write

Its acts are those of the admin endpoint, by the same service; they need no server, and disturb none that runs.
"""

from __future__ import annotations

from pathlib import Path

import click

from actors.cli.accounts import actor, organiser
from actors.cli.campaigns import campaign
from actors.cli.front import Front, Given
from actors.cli.health import doctor, queue
from actors.cli.running import deliver, demo, migrate_command, serve_command

__all__ = ["main"]


@click.group("clarion", cls=Front, context_settings={"max_content_width": 100})
@click.option(
    "--config", type=click.Path(path_type=Path), help="A file with settings; what the environment says wins over it."
)
@click.version_option(package_name="clarion", message="%(version)s")
@click.pass_context
def main(context: click.Context, config: Path | None) -> None:
    """Fundraising appeals for the fediverse that can be switched off."""
    context.obj = Given(config)


for _command in (demo, serve_command, deliver, migrate_command, actor, organiser, campaign, queue, doctor):
    main.add_command(_command)
