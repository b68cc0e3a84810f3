"""`clarion serve`, `deliver`, `migrate`, `demo`: what runs for long, or before anything else."""

from __future__ import annotations

import asyncio
import contextlib

import click
import uvloop
from rich.console import Console

from actors.app import listen, opened, run_until, send, serve, stopped_by_signals
from actors.cli import logs
from actors.cli.front import CannotBegin, Given, pass_given
from actors.cli.output import remark, say
from actors.migrations import migrate
from actors.setting_values import MAX_SENDERS
from actors.settings import Settings

senders_option = click.option(
    "--senders", type=click.IntRange(0, MAX_SENDERS), help="Hosts delivered to at the same time; CLARION_SENDERS."
)


@click.command("serve")
@senders_option
@pass_given
def serve_command(given: Given, senders: int | None) -> None:
    """Web and senders in one process, until SIGTERM or Ctrl-C; with --senders 0 the web alone."""
    settings = given.settings(first_start=True)
    logs.set_up()
    uvloop.run(_serve(settings, settings.senders if senders is None else senders))


async def _serve(settings: Settings, senders: int) -> None:
    stop = stopped_by_signals()
    async with opened(settings) as house:
        with contextlib.closing(listen(settings)) as listener:
            host, port = listener.getsockname()[:2]
            remark(f"Serving {settings.origin} at {host} port {port}, {_with(senders)}.")
            await serve(house, stop=stop, senders=senders, listener=listener)


def _with(senders: int) -> str:
    return f"delivering to {senders} servers at a time" if senders else "delivering nothing"


@click.command()
@senders_option
@pass_given
def deliver(given: Given, senders: int | None) -> None:
    """Senders alone, beside a `serve --senders 0` on the same database, or while the web part is down."""
    settings = given.settings()
    number = settings.senders if senders is None else senders
    if not number:
        raise CannotBegin("CLARION_SENDERS or --senders is 0: nothing would be delivered")
    logs.set_up()
    uvloop.run(_deliver(settings, number))


async def _deliver(settings: Settings, senders: int) -> None:
    stop = stopped_by_signals()
    async with opened(settings, alone=False) as house:
        remark(f"Working for {settings.origin}, {_with(senders)}.")
        await run_until(stop, [asyncio.create_task(send(house, stop=stop, senders=senders))])


@click.command("migrate")
@pass_given
def migrate_command(given: Given) -> None:
    """Make the database, or bring it up to date; `serve` does the same at its start."""
    settings = given.settings(first_start=True)
    done = asyncio.run(migrate(settings.database))
    if done.copy is not None:
        say(f"A copy of the database as it was: {done.copy}")
    if done.before == done.after:
        say(f"The database is up to date ({done.after}).")
    else:
        say(f"The database is at {done.after}, it was {done.before or 'empty'}.")


@click.command()
@click.option("--keep", is_flag=True, help="Leave it running at the end, until Ctrl-C.")
def demo(keep: bool) -> None:
    """A whole campaign on this machine, with three servers and five followers of its own."""
    from actors.demo import play  # noqa: PLC0415 - its servers are for nothing else

    raise click.exceptions.Exit(uvloop.run(play(Console(highlight=False), keep=keep)))
