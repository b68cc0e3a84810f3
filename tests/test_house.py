"""The house keeps its own rules: floors, sizes, purity, and documents that say what the code does."""

from __future__ import annotations

import ast
import hashlib
import importlib
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from actors.settings import FILE_SUFFIX, SETTINGS, table

ROOT = Path(__file__).parent.parent
PACKAGES = ("actors", "fediverse")
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
MAX_LINES = 400
AGPL_3 = "0d96a4ff68ad6d4b6f1f30f713b18d5184912ba8dd389f86aa7710db079abcb0"  # https://www.gnu.org/licenses/agpl-3.0.txt

# What has no clock: everything in here takes `now` as an argument.
CORE = ("campaign", "drafting", "model", "money", "names", "notices", "page", "pins", "refusals", "text", "wording")
PURE = ("fediverse/protocol/**/*.py", *(f"actors/{name}.py" for name in CORE))
CLOCKS = {"now", "utcnow", "today", "monotonic", "time_ns", "urandom", "token_bytes", "token_hex", "uuid4"}


def _python(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path for path in (ROOT / folder).rglob("*.py") if "vectors" not in path.parts)


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _lint_imports(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    return subprocess.run(
        command, cwd=folder, env={"PYTHONPATH": str(folder)}, capture_output=True, text=True, check=False
    )


def _copy(to: Path) -> Path:
    for package in PACKAGES:
        shutil.copytree(ROOT / package, to / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", to)
    return to


def test_every_module_imports_only_from_floors_below_it() -> None:
    result = _lint_imports(ROOT)
    assert result.returncode == 0, result.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("actors/attic.py", "", "The floors of actors"),
        ("fediverse/attic.py", "", "The floors of fediverse"),
        ("fediverse/store/attic.py", "import fediverse.exchange", "The floors of fediverse"),
        ("fediverse/protocol/attic.py", "import actors.settings", "Actors may use fediverse, never the reverse"),
        ("fediverse/protocol/attic.py", "import time", "The protocol and the core of a campaign do no IO"),
        (
            "actors/store/attic.py",
            "import fediverse.exchange",
            "An act and everything below it never reach the network",
        ),
        ("actors/store/attic.py", "import fediverse.store", None),
    ],
)
def test_a_module_on_the_wrong_floor_breaks_a_contract(
    tmp_path: Path, module: str, line: str, contract: str | None
) -> None:
    (_copy(tmp_path) / module).write_text(f"{line}\n")
    result = _lint_imports(tmp_path)
    broken = [row for row in result.stdout.splitlines() if row.endswith("BROKEN")]
    if contract is None:
        assert broken == []
    else:
        assert any(row.startswith(contract) for row in broken), result.stdout


def test_the_pure_core_asks_no_clock_and_rolls_no_dice() -> None:
    asked = [
        f"{_name(path)}:{node.lineno}"
        for pattern in PURE
        for path in sorted(ROOT.glob(pattern))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLOCKS
    ]
    assert asked == []


def test_the_contract_of_purity_names_every_pure_module_there_is() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    named = next(contract["source_modules"] for contract in contracts if contract["id"] == "pure")
    there = {_name(path)[:-3].replace("/", ".") for pattern in PURE[1:] for path in ROOT.glob(pattern)}
    assert set(named) == there | {"fediverse.protocol"}


def test_no_file_is_longer_than_four_hundred_lines() -> None:
    long = {
        _name(path): lines
        for path in _python(*PACKAGES, "tests")
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}, "one that grows past it is two things"


def test_nothing_is_built_when_a_module_is_imported() -> None:
    built = []
    for path in _python(*PACKAGES):
        for node in ast.parse(path.read_text()).body:
            targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
            calls = [ast.unparse(call.func) for call in ast.walk(node) if isinstance(call, ast.Call)]
            named_app = any(isinstance(target, ast.Name) and target.id == "app" for target in targets)
            makes_app = isinstance(node, ast.Assign) and {"Quart", "create_app", "quart.Quart"} & set(calls)
            if named_app or makes_app:
                built.append(f"{_name(path)}:{node.lineno}")
    assert built == [], "create_app(settings) is the only place where an app is made"


def test_no_note_to_self_is_left_behind() -> None:
    marks = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
    left = [_name(path) for path in [*_python(*PACKAGES, "tests"), *DOCUMENTS] if marks.search(path.read_text())]
    assert left == []


def test_the_licence_is_the_agpl_word_for_word() -> None:
    assert hashlib.sha256((ROOT / "LICENSE").read_bytes()).hexdigest() == AGPL_3


def test_the_changelog_begins_with_the_version_that_is_built() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    first = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert first is not None
    assert first[1] == version


def test_readme_lists_every_setting_with_its_default() -> None:
    rows = re.findall(
        r"^\| `(CLARION_\w+)` \| (?:`(.*?)`)? *\| (.*) \|$", (ROOT / "README.md").read_text(), re.MULTILINE
    )
    assert rows == table()


def test_no_document_names_a_setting_that_does_not_exist() -> None:
    known = {setting.name for setting in SETTINGS} | {s.name + FILE_SUFFIX for s in SETTINGS if s.secret}
    known |= {"CLARION_X", "CLARION_NAME", "CLARION_SENDRES"}  # stand for any name, and for a misspelt one
    texts = [*DOCUMENTS, ROOT / "Dockerfile", ROOT / ".ci" / "run", *_python(*PACKAGES)]
    strange = {
        f"{_name(path)}: {name}"
        for path in texts
        for name in re.findall(r"\bCLARION_[A-Z_]+\b", path.read_text())
        if name not in known
    }
    assert strange == set()


def test_links_between_documents_lead_somewhere() -> None:
    dead = [
        f"{_name(path)}: {target}"
        for path in DOCUMENTS
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text())
        if not target.startswith(("https://", "mailto:")) and not (path.parent / target).exists()
    ]
    assert dead == []


def _documented() -> list[str]:
    """Every `clarion …` command in README's shell blocks, and inline in any document."""
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL))
    inline = "\n".join(re.findall(r"`(clarion [^`]*)`", "\n".join(path.read_text() for path in DOCUMENTS)))
    found = re.findall(r"(?:^|&& )(clarion [^\n&]*)", f"{blocks}\n{inline}", re.MULTILINE)
    return sorted({command.strip() for command in found})


def test_every_documented_command_and_option_exists() -> None:
    if not list(ROOT.glob("actors/cli*/__init__.py")):
        pytest.skip("the command line is not there yet")
    main: click.Command = importlib.import_module("actors.cli").main
    for written in _documented():
        command = main
        for word in written.split()[1:]:
            if word.startswith("--"):
                options = {name for parameter in command.params for name in parameter.opts}
                assert word.partition("=")[0] in options, written
            elif isinstance(command, click.Group):
                assert word in command.commands, written
                command = command.commands[word]


def test_the_console_script_is_the_command_of_the_documents() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts == {"clarion": "actors.cli:main"}
    assert len(_documented()) > 3
