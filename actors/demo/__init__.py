"""`clarion demo`: the main job on this machine, with nothing to configure and nobody else involved.

    play(console)    the whole story; the exit code: 0 if every step held and nobody is asked any more

Three recording servers with five followers stand beside a real service, over HTTPS on loopback. They check signatures
and keep timelines with code of their own, and the last line is reckoned from what they hold.
"""

from __future__ import annotations

import shlex
from collections.abc import Sequence

from rich.console import Console

from actors.app import CannotServe, stopped_by_signals
from actors.demo import texts
from actors.demo.ground import Ground
from actors.demo.neighbour import NoAnswer
from actors.demo.stage import ADMIN, SERVERS, Server, Stage, StepFailed, set_up
from actors.demo.story import PATIENCE, Story
from actors.demo.verdict import closing_line
from actors.demo.view import View


async def play(
    console: Console,
    *,
    keep: bool = False,
    servers: Sequence[Server] = SERVERS,
    patience: float = PATIENCE,
) -> int:
    """Play the story to a console. With `keep` everything stays up until Ctrl-C, with its addresses on the console.

    The first of `servers` is the one that goes down; none is waited for longer than `patience` seconds at a time.
    """
    view = View(console)
    view.say("Clarion, played on this machine alone: real HTTPS on loopback, SQLite in a temporary folder.")
    try:
        with Ground() as ground:
            async with set_up(ground, servers, view.seen) as on:
                return await _play_on(on, view, keep, patience)
    except (StepFailed, CannotServe) as problem:
        view.check("the demo can be played", False, str(problem))
        view.closing("Not closed: the demo could not be played.", False)
        return 1


async def _play_on(on: Stage, view: View, keep: bool, patience: float) -> int:
    story = Story(on, view, longest_wait=patience)
    try:
        await story.play()
    except (StepFailed, NoAnswer) as problem:
        view.check("the story goes on", False, str(problem))
    line, closed = closing_line(story.verdict())
    if view.broken:
        line += f" {len(view.broken)} of {view.steps} steps did not hold: {'; '.join(view.broken)}."
    good = closed and not view.broken
    if keep:
        view.addresses(_addresses(on))
    view.closing(line, good)
    if keep:
        view.say("Ctrl-C ends it.")
        await stopped_by_signals().wait()
    return 0 if good else 1


def _addresses(on: Stage) -> list[str]:
    """Where to look, and how: no other program on this machine knows these names or this authority."""
    curl = f"curl --cacert {shlex.quote(str(on.ground.ca_file))} --resolve {on.place.host}:{on.place.address}"
    return [
        "",
        "Still running. The public page and the organisers' admin endpoint:",
        *(f"  {on.place.origin}/c/{texts.SLUG}/{language}" for language in texts.LANGUAGES),
        f"  {on.place.origin}{ADMIN}",
        "The names are known to this demo alone, so say where they are:",
        f"  {curl} {on.place.origin}/c/{texts.SLUG}/{texts.LANGUAGES[0]}",
        f"  {curl} -H 'Authorization: Bearer {on.token}' {on.place.origin}{ADMIN}/campaigns/{texts.SLUG}",
    ]
