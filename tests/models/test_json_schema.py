"""The published JSON Schemas are those of the models."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aerchive.models.json_schema import DOCUMENTS, json_schema, main

PUBLISHED = Path(__file__).resolve().parents[2] / "schemas" / "v1"


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_published_schema_is_the_model(name: str) -> None:
    published = json.loads((PUBLISHED / f"{name}.schema.json").read_text(encoding="utf-8"))

    assert published == json_schema(name), "run `python3 tasks.py schemas` and read the difference"


def test_every_published_schema_has_a_model() -> None:
    assert {path.name for path in PUBLISHED.glob("*.json")} == {f"{name}.schema.json" for name in DOCUMENTS}


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_schema_forbids_unknown_keys_and_names_every_field(name: str) -> None:
    schema = json_schema(name)

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"aerchive/v1/{name}"
    assert schema["additionalProperties"] is False
    assert set(schema["properties"]) == set(DOCUMENTS[name].model_fields)


def test_check_finds_a_schema_that_is_out_of_date(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 0
    assert "written: config.schema.json, labels.schema.json" in capsys.readouterr().out
    assert main([str(tmp_path), "--check"]) == 0

    (tmp_path / "status.schema.json").write_text("{}")
    (tmp_path / "labels.schema.json").unlink()

    assert main([str(tmp_path), "--check"]) == 1
    assert capsys.readouterr().out == "out of date: labels.schema.json, status.schema.json\n"
    assert (tmp_path / "status.schema.json").read_text() == "{}"
