"""Which options are secrets, and what stays of a value that has some."""

from __future__ import annotations

from typing import Any

import pytest
import qiskit_aer
from qiskit_aer.backends.aer_compiler import BACKEND_RUN_ARG_TYPES

from aerchive.models.private_values import LEFT_OUT, LeftOut, is_secret_name, leave_out, secret_reason

SECRETS = (
    *(
        "token",
        "Token",
        "access_token",
        "accessToken",
        "IBM_API_TOKEN",
        "api_token",
        "password",
        "dbPassword",
        "passwd",
    ),
    *("secret", "client_secret", "api_key", "apikey", "apiKey", "API-KEY", "credential", "credentials", "auth"),
    *("Authorization", "proxy_auth", "private_key", "privateKey", "access_key", "accessKeyId", "session", "session_id"),
    *("sessionToken", "run.token", "cookie", "jwt", "passphrase", "oauth2", "x-auth"),
)
PLAIN = (
    *("author", "authors", "key", "keys", "shots", "precision", "method", "noise_model", "seed_simulator", "monkey"),
    *("num_qubits", "passes", "compass", "basis_gates", "max_execution_time", "possession", "environment", "instance"),
)


@pytest.mark.parametrize("name", SECRETS)
def test_names_of_secrets(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", PLAIN)
def test_other_names(name: str) -> None:
    assert not is_secret_name(name)


def test_no_option_of_aer_is_a_secret() -> None:
    names = {*BACKEND_RUN_ARG_TYPES, *qiskit_aer.AerSimulator._default_options().__dict__}
    names |= set(qiskit_aer.AerSimulator().configuration().to_dict())
    assert not [name for name in names if is_secret_name(name)]


VALUES: list[tuple[Any, Any, list[str]]] = [
    ({"shots": 1, "token": "T"}, {"shots": 1}, ["o.token"]),
    ({"a": {"b": [{"api_key": 5, "c": 1}]}}, {"a": {"b": [{"c": 1}]}}, ["o.a.b[0].api_key"]),
    ({"token": None, "use_session": True}, {"token": None, "use_session": True}, []),
    ({"session": {"max_time": 5}, "x": (1, 2)}, {"x": (1, 2)}, ["o.session"]),
    ({"headers": [("Authorization", "Bearer T"), ("Accept", "x")]}, {}, ["o.headers[0].Authorization"]),
    ({"proxy": "http://ann:T@host:80/", "url": "https://host:80/x@y"}, {"url": "https://host:80/x@y"}, ["o.proxy"]),
    ({"env": {"A": "1"}, "all": {"PATH": "/bin"}}, {}, ["o.env", "o.all"]),
    (("token", "T"), LEFT_OUT, ["o.token"]),
    ({1: {"password": "T"}, None: 2}, {1: {}, None: 2}, ["o.1.password"]),
]


@pytest.mark.parametrize(("value", "kept", "paths"), VALUES)
def test_what_stays(value: Any, kept: Any, paths: list[str]) -> None:
    found: list[LeftOut] = []
    assert leave_out("o", value, secret_reason, found) == kept
    assert [path for path, _ in found] == paths
    assert all(why.startswith("not stored, because ") for _, why in found)


def test_a_value_without_secrets_is_the_same_object() -> None:
    value = {"a": [1, (2.5, "x")], "b": {"c": None}}
    assert leave_out("o", value, secret_reason, []) is value
