"""Options that would take the memory, the processors or the time of the machine, or load what they name."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.hostile.corpus import add
from tests.hostile.edits import Hostile, run_path, set_attribute, set_text

OPTIONS: dict[str, Any] = {
    "options.max_memory_mb": 10**9,
    "options.max_parallel_threads": 10**6,
    "options.max_parallel_experiments": 10**6,
    "options.max_parallel_shots": 2**31,
    "options.device": b"GPU",
    "options.method": b"\x1b[2J",
    "options.precision": b"quadruple",
    "options.fusion_max_qubit": 64,
    "options.blocking_qubits": -1,
    "options.statevector_parallel_threshold": -(2**62),
    "options.chunk_size": 2**62,
    "options_json.executor": b'{"$": "missing", "type": "os.system", "repr": "x"}',
    "options_json.blocking_enable": b"true",
    "options_json.coupling_map": b"[[1000000000, 0]]",
    "options_json.basis_gates": b'["x\\nimport os"]',
    "options.evil\nimport os": 1,
    "options.__class__": 1,
    "options.self": 1,
    "options.circuits": 1,
    "options_json.noise_model": b'{"a": 1}',
    "options.seed_simulator": -(2**62),
    "options.shots": -1,
}
for _name, _value in OPTIONS.items():

    def _change(one: Hostile, name: str = _name, value: Any = _value) -> None:
        with one.edit() as file:
            config = file[run_path("bell")]["config"]
            if isinstance(value, bytes):
                set_text(config, name, value)
            else:
                set_attribute(config, name, np.int64(value))

    add("options", ascii(_name), _change, "limited", jobs=("bell",), reruns=True)
