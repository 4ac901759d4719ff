import argparse
from pathlib import Path

import pytest

from avatar_engine.drivers.live.service.options import (
    ServeOptions,
    add_arguments,
    from_arguments,
    warnings_about,
)
from avatar_engine.errors import UsageError


def options(*words: str, **environment: str) -> ServeOptions:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return from_arguments(parser.parse_args(words), environment)


def test_defaults_are_those_of_the_dataclass() -> None:
    assert options() == ServeOptions()


def test_all_options_arrive(tmp_path: Path) -> None:
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    cert.touch()
    key.touch()
    made = options(
        *(
            "--host",
            "0.0.0.0",
            "--port",
            "0",
            "--api-key",
            "long-enough",
            "--cors-origin",
            "HTTPS://Shop.example:443/",
        ),
        *("--tls-cert", str(cert), "--tls-key", str(key), "--stun", "stun:stun.example:3478"),
        *("--turn", "turn:turn.example?transport=tcp", "--turn-user", "u", "--turn-password", "p"),
        *("--udp-ports", "50000-50100", "--max-sessions", "3", "--idle-s", "0"),
        *("--workers", "shared", "--no-spare-worker"),
    )
    assert (made.workers, made.spare_worker) == ("shared", False)
    assert made.cors_origins == ("https://shop.example",)
    assert [(helper.url, helper.username) for helper in made.ice] == [
        ("stun:stun.example:3478", None),
        ("turn:turn.example?transport=tcp", "u"),
    ]
    assert made.udp_ports == (50_000, 50_100)
    assert not warnings_about(made)
    assert "long-enough" not in repr(made) and "'p'" not in repr(made)


def test_keys_come_from_the_environment_too() -> None:
    assert options(AVATAR_ENGINE_API_KEY=" from-env-1 ").api_keys == ("from-env-1",)
    assert options("--api-key", "from-line-1", AVATAR_ENGINE_API_KEY="from-env-1").api_keys == (
        "from-line-1",
    )
    assert options(AVATAR_ENGINE_API_KEY="").api_keys == ()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--port", "70000"], "--port must lie in 0..65535"),
        (["--api-key", "short"], "at least 8"),
        (["--cors-origin", "shop.example"], "must look like https://shop.example"),
        (["--cors-origin", "https://[::1"], "must look like https://shop.example"),
        (["--cors-origin", "https://a.example/path"], "must look like"),
        (["--tls-cert", "x.pem"], "belong together"),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "no file no.pem"),
        (["--stun", "stun.example"], "--stun must look like stun:stun.example"),
        (["--turn", "turn:a.example"], "--turn needs"),
        (["--background", "transparent"], "live video has no alpha"),
        (["--background", "blu"], "background 'blu': not a colour"),
        (["--udp-ports", "5"], "50000-50100"),
        (["--udp-ports", "6000-5000"], "must rise"),
        (["--udp-ports", "80-90"], "1024"),
        (["--host", "a b"], "--host must be"),
        (["--abandoned-s", "nan"], "--abandoned-s"),
    ],
)
def test_wrong_ones_are_refused_in_one_line(words: list[str], says: str) -> None:
    with pytest.raises(UsageError, match="^[^\n]*$") as caught:
        options(*words)
    assert says in str(caught.value)


def test_an_open_server_is_warned_about() -> None:
    assert len(warnings_about(options("--host", "0.0.0.0"))) == 2
    assert len(warnings_about(options("--cors-origin", "*"))) == 1
    assert not warnings_about(options())


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("127.8.0.1", True),
        ("0.0.0.0", False),
        ("::", False),
    ],
)
def test_loopback_is_known(host: str, is_loopback: bool) -> None:
    assert options("--host", host).is_loopback is is_loopback
