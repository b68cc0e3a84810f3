"""NodeInfo: software, contact, and the way to the instance actor."""

import re
from typing import Any

from fediverse.protocol import nodeinfo
from fediverse.protocol.nodeinfo import About
from tests import golden

ORIGIN = "https://fund.example"
ABOUT = About(
    name="Lifeline",
    description="Appeals that can be switched off",
    contact="contact@fund.example",
    about_url=f"{ORIGIN}/about",
    rules_url=f"{ORIGIN}/about#rules",
    privacy_url=f"{ORIGIN}/about#privacy",
)


def document(about: About = ABOUT) -> dict[str, Any]:
    return nodeinfo.document(
        version="0.1.0",
        about=about,
        actors=2,
        local_posts=41,
        repository="https://code.example/clarion",
    )


def test_the_well_known_document_names_version_2_1_and_the_instance_actor() -> None:
    golden.check("nodeinfo-well-known.json", nodeinfo.well_known(ORIGIN, f"{ORIGIN}/actor"))


def test_the_document_equals_its_golden_file() -> None:
    golden.check("nodeinfo.json", document())


def test_nobody_can_register_and_the_software_name_is_one_crawlers_take() -> None:
    written = document()
    assert written["openRegistrations"] is False
    assert re.fullmatch("[a-z0-9-]+", written["software"]["name"])


def test_a_contact_that_is_a_url_makes_no_maintainer_address() -> None:
    written = document(About(name="L", description="", contact="https://fund.example/@lifeline"))
    assert written["metadata"] == {
        "nodeName": "L",
        "nodeDescription": "",
        "contact": "https://fund.example/@lifeline",
    }


def test_what_the_operator_leaves_out_is_left_out() -> None:
    silent = About(name="L", description="")
    written: dict[str, Any] = nodeinfo.document(version="0.1.0", about=silent, actors=0, local_posts=0)
    assert written["metadata"] == {"nodeName": "L", "nodeDescription": ""}
    assert "repository" not in written["software"]
