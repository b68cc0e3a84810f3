"""Reading the settings: everything wrong is told at once, and nothing secret is told ever."""

from __future__ import annotations

import base64
import os
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest
import trustme

from actors.settings import SETTINGS, Settings, SettingsError, load, read_file
from fediverse.protocol.signatures import Window

KEY = bytes(range(100, 132))
KEY_TEXT = base64.b64encode(KEY).decode()


def _environ(tmp_path: Path, **more: str) -> dict[str, str]:
    least = {"CLARION_ORIGIN": "https://fund.example", "CLARION_DATA": str(tmp_path / "data")}
    return least | {f"CLARION_{name}": value for name, value in more.items()}


def _problems(environ: dict[str, str], config: Path | None = None) -> dict[str, str]:
    with pytest.raises(SettingsError) as refused:
        load(environ, config)
    assert "\n" not in str(refused.value)
    return {problem.name: problem.text for problem in refused.value.problems}


def _private(path: Path, text: str) -> Path:
    path.write_text(text)
    path.chmod(0o600)
    return path


def test_an_origin_is_enough_to_start(tmp_path: Path) -> None:
    settings = load(_environ(tmp_path))
    assert settings.origin == "https://fund.example"
    assert settings.host == settings.handle_domain == "fund.example"
    assert settings.database == f"sqlite:///{tmp_path}/data/clarion.db"
    assert str(settings.bind) == "127.0.0.1:8000"
    assert settings.trusted_proxy == settings.allow_addresses == ()
    assert (settings.tls_cert, settings.ca_file, settings.contact, dict(settings.resolve)) == (None, None, "", {})
    assert settings.pace == (1.0, 60)
    assert settings.signature_window == Window(timedelta(hours=1), timedelta(minutes=5))


def test_every_setting_has_an_attribute_and_every_default_is_a_value_itself(tmp_path: Path) -> None:
    settings = load(_environ(tmp_path))
    for setting in SETTINGS:
        assert hasattr(settings, setting.field)
        if setting.default is not None and setting.name not in {"CLARION_DATA"}:
            assert setting.read(setting.default) == getattr(settings, setting.field)


def test_everything_can_be_given(tmp_path: Path) -> None:
    authority = trustme.CA()
    issued = authority.issue_cert("fund.example")
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    (tmp_path / "key.pem").chmod(0o600)
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    settings = load(
        _environ(
            tmp_path,
            ORIGIN="HTTPS://Fund.Example:8443/",
            HANDLE_DOMAIN="Example",
            CONTACT="desk@fund.example",
            DATABASE="postgresql://root:hunter2@127.0.0.1:5432/test",
            SECRET=KEY.hex(),
            BIND="[::1]:0",
            TLS_CERT=str(tmp_path / "cert.pem"),
            TLS_KEY=str(tmp_path / "key.pem"),
            TRUSTED_PROXY="127.0.0.1, 10.1.0.0/16",
            CA_FILE=str(tmp_path / "ca.pem"),
            ALLOW_ADDRESSES="127.0.0.0/8 ::1",
            RESOLVE="a.demo.test=127.0.0.2,b.demo.test=127.0.0.3",
            SENDERS="0",
            PACE="off",
            SIGNATURE_WINDOW="600/30",
        )
        | {"CLARION_HANDLE_DOMAIN": "Givers.Example"}
    )
    assert settings.origin == "https://fund.example:8443"
    assert settings.handle_domain == "givers.example"
    assert settings.secret.material == KEY
    assert not settings.secret_created
    assert (str(settings.bind), settings.bind.port) == ("[::1]:0", 0)
    assert settings.trusted_proxy == (ip_network("127.0.0.1/32"), ip_network("10.1.0.0/16"))
    assert settings.resolve["b.demo.test"] == "127.0.0.3"
    assert (settings.senders, settings.pace) == (0, None)
    assert settings.signature_window == Window(timedelta(minutes=10), timedelta(seconds=30))


def test_k1_every_fault_is_named_at_once_and_in_the_order_of_the_table(tmp_path: Path) -> None:
    environ = {
        "CLARION_BIND": "everywhere",
        "CLARION_TLS_CERT": str(_private(tmp_path / "cert.pem", "not pem")),
        "CLARION_SECRET": "hunter2",
        "CLARION_SENDRES": "3",
    }
    assert list(_problems(environ)) == [
        "CLARION_ORIGIN",
        "CLARION_SECRET",
        "CLARION_BIND",
        "CLARION_TLS_KEY",
        "CLARION_SENDRES",
    ]


def test_k1_a_misspelt_variable_is_a_fault_and_the_right_one_is_suggested(tmp_path: Path) -> None:
    assert (
        "(CLARION_HANDLE_DOMAIN?)" in _problems(_environ(tmp_path, HANDLE_DOMIAN="x.example"))["CLARION_HANDLE_DOMIAN"]
    )


def test_variables_of_others_are_none_of_our_business(tmp_path: Path) -> None:
    assert load(_environ(tmp_path) | {"CLARIONET_REED": "2", "PATH": "/bin"}).senders == 8


def test_an_empty_variable_counts_as_not_given(tmp_path: Path) -> None:
    assert load(_environ(tmp_path, PACE="", HANDLE_DOMAIN=" ")).handle_domain == "fund.example"
    assert _problems(_environ(tmp_path, ORIGIN=""))["CLARION_ORIGIN"].startswith("is missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ORIGIN", "fund.example"),
        ("ORIGIN", "http://fund.example"),
        ("ORIGIN", "https://fund.example/clarion"),
        ("ORIGIN", "https://fund.example?"),
        ("ORIGIN", "https://fund.example#"),
        ("ORIGIN", "https://me@fund.example"),
        ("ORIGIN", "https://fund.example:0"),
        ("ORIGIN", "https://fund.example:65536"),
        ("ORIGIN", "https://192.0.2.1"),
        ("ORIGIN", "https://fund.exa\tmple"),
        ("HANDLE_DOMAIN", "https://fund.example"),
        ("HANDLE_DOMAIN", "fund.example/x"),
        ("CONTACT", "call me"),
        ("CONTACT", "http://fund.example"),
        ("CONTACT", "<b>@fund.example"),
        ("DATABASE", "mysql://root@127.0.0.1/test"),
        ("DATABASE", "postgresql://127.0.0.1"),
        ("DATABASE", "sqlite://"),
        ("DATABASE", "sqlite:///:memory:"),
        ("DATABASE", "sqlite:///x.db?mode=ro"),
        ("DATABASE", "clarion.db"),
        ("SECRET", KEY_TEXT[:-6]),
        ("SECRET", KEY.hex() + "00"),
        ("SECRET", "!" + KEY_TEXT),
        ("SECRET", "00" * 32),
        ("SECRET", "0123456789abcdef" * 4),
        ("SECRET", base64.b64encode(b"correct horse battery staple 123").decode()),
        ("BIND", "8000"),
        ("BIND", "127.0.0.1:"),
        ("BIND", "127.0.0.1:65536"),
        ("BIND", "::1:8000"),
        ("BIND", "[localhost]:8000"),
        ("BIND", "[::1:8000"),
        ("TRUSTED_PROXY", "proxy.example"),
        ("TRUSTED_PROXY", "0.0.0.0/0"),
        ("ALLOW_ADDRESSES", "127.0.0.1/8"),
        ("ALLOW_ADDRESSES", "::/0"),
        ("RESOLVE", "fund.example"),
        ("RESOLVE", "fund.example=elsewhere.example"),
        ("RESOLVE", "fund.example=127.0.0.1,fund.example=127.0.0.2"),
        ("SENDERS", "-1"),
        ("SENDERS", "257"),
        ("SENDERS", "٣"),
        ("PACE", "0/60"),
        ("PACE", "1/0"),
        ("PACE", "1"),
        ("PACE", "inf/1"),
        ("SIGNATURE_WINDOW", "3600"),
        ("SIGNATURE_WINDOW", "299/300"),
        ("SIGNATURE_WINDOW", "43201/300"),
        ("SIGNATURE_WINDOW", "3600/3601"),
        ("CA_FILE", "/nowhere/ca.pem"),
        ("CA_FILE", __file__),
        ("DATA", "~nobody-of-that-name/data"),
    ],
)
def test_k1_a_malformed_setting_is_refused_by_name(tmp_path: Path, name: str, value: str) -> None:
    assert list(_problems(_environ(tmp_path, **{name: value}))) == [f"CLARION_{name}"]
    assert not (tmp_path / "data").exists(), "nothing is written while something is wrong"


def test_no_fault_repeats_the_value_and_no_repr_shows_a_secret(tmp_path: Path) -> None:
    planted = "hunter2hunter2"
    for setting in SETTINGS:
        with pytest.raises(SettingsError) as refused:
            load(_environ(tmp_path) | {setting.name: f"{planted}\x01"})
        assert planted not in str(refused.value) + repr(refused.value)
    settings = load(_environ(tmp_path, SECRET=KEY_TEXT, DATABASE=f"postgresql://root:{planted}@db.example/clarion"))
    shown = f"{settings!r} {settings}"
    assert planted not in shown
    assert KEY_TEXT not in shown
    assert repr(KEY) not in shown


@pytest.mark.parametrize("text", [KEY.hex(), KEY.hex().upper(), KEY_TEXT, KEY_TEXT.rstrip("=")])
def test_a_sealing_key_may_be_hex_or_base64(tmp_path: Path, text: str) -> None:
    assert load(_environ(tmp_path, SECRET=text)).secret.material == KEY


def test_a_sealing_key_in_the_url_alphabet_is_the_same_key(tmp_path: Path) -> None:
    key = bytes(range(232, 256)) + bytes(range(8))
    text = base64.urlsafe_b64encode(key).decode()
    assert {"-", "_"} & set(text)
    assert load(_environ(tmp_path, SECRET=text)).secret.material == key


def test_the_first_start_makes_a_sealing_key_beside_the_database_and_the_next_one_reads_it(tmp_path: Path) -> None:
    first = load(_environ(tmp_path), token_bytes=lambda size: KEY[:size])
    kept = tmp_path / "data" / "sealing.key"
    assert first.secret_created
    assert first.secret.material == KEY
    assert kept.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["sealing.key"]
    again = load(_environ(tmp_path), token_bytes=os.urandom)
    assert not again.secret_created
    assert again.secret == first.secret


def test_of_two_first_starts_at_once_both_use_the_key_of_the_first(tmp_path: Path) -> None:
    others: list[Settings] = []

    def slow(size: int) -> bytes:
        others.append(load(_environ(tmp_path)))
        return KEY[:size]

    assert load(_environ(tmp_path), token_bytes=slow).secret == others[0].secret
    assert others[0].secret.material != KEY


def test_a_lost_sealing_key_is_not_replaced_by_a_new_one(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "clarion.db").touch()
    assert "sealing.key" in _problems(_environ(tmp_path))["CLARION_SECRET"]


def test_a_command_that_may_not_make_a_key_says_that_there_is_none(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="CLARION_SECRET is missing"):
        load(_environ(tmp_path), create_secret=False)
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("mode", [0o604, 0o644, 0o620, 0o601])
def test_k1_a_key_file_that_others_can_open_is_refused(tmp_path: Path, mode: int) -> None:
    load(_environ(tmp_path))
    (tmp_path / "data" / "sealing.key").chmod(mode)
    assert f"{mode:04o}" in _problems(_environ(tmp_path))["CLARION_SECRET"]
    given = _private(tmp_path / "given.key", KEY_TEXT)
    given.chmod(mode)
    assert list(_problems(_environ(tmp_path, SECRET_FILE=str(given)))) == ["CLARION_SECRET_FILE"]


def test_a_mounted_secret_may_be_readable_by_its_group(tmp_path: Path) -> None:
    given = _private(tmp_path / "given.key", f"{KEY_TEXT}\n")
    given.chmod(0o440)
    assert load(_environ(tmp_path, SECRET_FILE=str(given))).secret.material == KEY


def test_a_named_secret_file_that_is_missing_is_a_fault_and_is_not_made(tmp_path: Path) -> None:
    environ = _environ(tmp_path, SECRET_FILE=str(tmp_path / "none.key"), DATABASE_FILE=str(tmp_path))
    assert list(_problems(environ)) == ["CLARION_DATABASE_FILE", "CLARION_SECRET_FILE"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "\n", "a" * 5000, "one\ntwo", "schlüssel"])
def test_a_secret_file_holds_one_short_line(tmp_path: Path, text: str) -> None:
    given = _private(tmp_path / "given.key", text)
    assert list(_problems(_environ(tmp_path, SECRET_FILE=str(given)))) == ["CLARION_SECRET_FILE"]


def test_a_database_with_its_password_can_come_from_a_file(tmp_path: Path) -> None:
    given = _private(tmp_path / "database", "postgresql://root:hunter2@127.0.0.1/test\n")
    assert load(_environ(tmp_path, DATABASE_FILE=str(given))).database.endswith("@127.0.0.1/test")


def test_a_secret_given_twice_is_a_contradiction(tmp_path: Path) -> None:
    given = _private(tmp_path / "given.key", KEY_TEXT)
    assert list(_problems(_environ(tmp_path, SECRET=KEY_TEXT, SECRET_FILE=str(given)))) == ["CLARION_SECRET"]


def test_only_secrets_can_come_from_files(tmp_path: Path) -> None:
    assert "CLARION_ORIGIN_FILE" in _problems(_environ(tmp_path, ORIGIN_FILE="/etc/origin"))


def test_k1_a_data_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("a file is in the way")
    assert list(_problems(_environ(tmp_path))) == ["CLARION_DATA"]


def test_k2_tls_needs_a_certificate_and_its_own_readable_key(tmp_path: Path) -> None:
    issued, other = trustme.CA().issue_cert("fund.example"), trustme.CA().issue_cert("fund.example")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    for name, leaf in (("key.pem", issued), ("other.pem", other)):
        leaf.private_key_pem.write_to_path(tmp_path / name)
        (tmp_path / name).chmod(0o600)
    cert, key, wrong = (str(tmp_path / name) for name in ("cert.pem", "key.pem", "other.pem"))
    assert load(_environ(tmp_path, TLS_CERT=cert, TLS_KEY=key)).tls_key == tmp_path / "key.pem"
    assert list(_problems(_environ(tmp_path, TLS_CERT=cert))) == ["CLARION_TLS_KEY"]
    assert list(_problems(_environ(tmp_path, TLS_KEY=key))) == ["CLARION_TLS_CERT"]
    assert list(_problems(_environ(tmp_path, TLS_CERT=cert, TLS_KEY=wrong))) == ["CLARION_TLS_CERT", "CLARION_TLS_KEY"]
    assert list(_problems(_environ(tmp_path, TLS_CERT=cert, TLS_KEY="/nowhere"))) == ["CLARION_TLS_KEY"]
    (tmp_path / "key.pem").chmod(0o644)
    assert list(_problems(_environ(tmp_path, TLS_CERT=cert, TLS_KEY=key))) == ["CLARION_TLS_KEY"]


def test_a_config_file_in_toml_says_the_same_as_the_environment(tmp_path: Path) -> None:
    config = _private(
        tmp_path / "clarion.toml",
        f"""
        origin = "https://fund.example"
        data = "{tmp_path}/data"
        secret = "{KEY_TEXT}"
        senders = 3
        CLARION_PACE = "off"
        allow_addresses = ["127.0.0.0/8", "::1"]
        [resolve]
        "a.demo.test" = "127.0.0.2"
        """,
    )
    settings = load({}, config)
    assert (settings.senders, settings.pace, settings.secret.material) == (3, None, KEY)
    assert settings.allow_addresses == (ip_network("127.0.0.0/8"), ip_network("::1"))
    assert dict(settings.resolve) == {"a.demo.test": "127.0.0.2"}


def test_a_config_file_of_lines_says_the_same_as_the_environment(tmp_path: Path) -> None:
    config = _private(
        tmp_path / "clarion.env",
        f"# a comment\nexport CLARION_ORIGIN='https://fund.example'\n\nCLARION_DATA={tmp_path}/data\nCLARION_SENDERS=3\n",
    )
    assert load({}, config).senders == 3


def test_the_environment_wins_over_the_config_file(tmp_path: Path) -> None:
    config = _private(tmp_path / "clarion.env", "CLARION_SENDERS=3\nCLARION_PACE=off\n")
    settings = load(_environ(tmp_path, SENDERS="4"), config)
    assert (settings.senders, settings.pace) == (4, None)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bad.toml", "origin = https://fund.example"),
        ("bad.toml", "origin = true"),
        ("bad.toml", "origin = 'https://a.example'\nCLARION_ORIGIN = 'https://b.example'"),
        ("bad.toml", "# " + "a" * 70_000),
        ("bad.env", "CLARION_ORIGIN"),
        ("bad.env", "CLARION_ORIGIN='https://fund.example"),
        ("bad.env", "CLARION_ORIGIN=https://a.example\nORIGIN=https://b.example"),
        ("bad.env", "\x00"),
    ],
)
def test_k1_a_config_file_that_cannot_be_read_is_one_fault(tmp_path: Path, name: str, text: str) -> None:
    assert "--config" in _problems({}, _private(tmp_path / name, text))


def test_k1_a_missing_or_undecodable_config_file_is_one_fault(tmp_path: Path) -> None:
    assert list(_problems({}, tmp_path / "none.toml")) == ["--config"]
    (tmp_path / "latin.env").write_bytes(b"CLARION_CONTACT=\xff")
    assert list(_problems({}, tmp_path / "latin.env")) == ["--config"]


def test_a_misspelt_name_in_a_config_file_is_a_fault_too(tmp_path: Path) -> None:
    config = _private(tmp_path / "clarion.toml", "sendres = 3")
    assert list(_problems(_environ(tmp_path), config)) == ["CLARION_SENDRES"]


def test_k1_a_config_file_open_to_others_may_not_hold_a_secret(tmp_path: Path) -> None:
    config = _private(tmp_path / "clarion.toml", f'secret = "{KEY_TEXT}"')
    config.chmod(0o644)
    assert list(_problems(_environ(tmp_path), config)) == ["--config"]
    open_one = tmp_path / "open.toml"
    open_one.write_text("senders = 2")
    open_one.chmod(0o644)
    assert load(_environ(tmp_path), open_one).senders == 2


def test_names_in_a_config_file_need_no_prefix(tmp_path: Path) -> None:
    assert read_file(_private(tmp_path / "a.env", "origin=x\nCLARION_BIND=y\n")) == {
        "CLARION_ORIGIN": "x",
        "CLARION_BIND": "y",
    }
