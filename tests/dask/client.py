"""A client in a process of its own, so that it can be killed; its arguments: address, project, points as JSON."""

from __future__ import annotations

import json
import sys

from distributed import Client

from aerchive.dask import run_sweep
from tests.dask.jobs import noted


def main(address: str, project: str, points: str) -> None:
    with Client(address) as client:
        sweep = run_sweep(client, json.loads(points), noted, project=project)
        runs = sweep.gather(merge_every=5)
        print(len(runs), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
