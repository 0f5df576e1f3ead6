"""Names, attributes and versions that appear on disk (``schemas/v1/layout.md``). This module has constants only.

See decision 0001.
"""

from __future__ import annotations

from typing import Final

FORMAT: Final = "aerchive project"
FORMAT_VERSION: Final = 1
FEATURES: Final = frozenset[str]()
"""Names of the features that this version knows, of those that files and runs may require or use."""
ABOUT: Final = (
    "Quantum simulations archived by aerchive. /runs holds a folder for each day and in it a group for each "
    "simulation: select a run and look at its attributes and at those of its config, status and provenance; "
    "counts is a table, statevector and the like hold the saved states (complex numbers as r and i). "
    "/catalogue lists all runs."
)

LIBVER: Final = ("v110", "v110")
"""The HDF5 library bounds with which every file is opened: HDF5 1.10 and later can read it; the superblock is 3."""

SUPERBLOCK_VERSION: Final = 3
MAX_COMPACT_ATTRIBUTES: Final = 64
MIN_DENSE_ATTRIBUTES: Final = 32

README: Final = "README"
FORMAT_PAGES: Final = "format"
"""Group of the rules of the format and of the JSON Schemas, as text."""
PAGES: Final = (README, FORMAT_PAGES)
LINE_LENGTH: Final = 116
"""Characters in a row of a page of text, beyond which a line goes on in the next row."""
CATALOGUE: Final = "catalogue"
CATALOGUE_CHUNK_ROWS: Final = 32
"""Rows in one chunk of the catalogue. A commit rewrites one chunk; 32 rows take 16 KiB."""
CHANGES_SUFFIX: Final = ".changes"
CHANGES_CHUNK_ROWS: Final = 256
"""Rows in one chunk of the list of changes; they take 3 KiB."""
RUNS: Final = "runs"
DELETED: Final = "deleted"
DELETED_TABLES: Final = "tables"
ATTACHMENTS: Final = "attachments"
"""Group of the attachments of a run, or of the project, and of those among the deleted nodes."""
ATTACHMENT_UUID: Final = "attachment_uuid"
"""The attribute of an attachment that takes the place of the run's UUID in its checksums."""
RUNS_PER_FOLDER: Final = 1000
OBJECTS: Final = "objects"
OBJECT_DIGEST_LENGTH: Final = 40
MAX_SAFE_ID: Final = 40

CONFIG: Final = "config"
STATUS: Final = "status"
LABELS: Final = "labels"
PROVENANCE: Final = "provenance"
CIRCUITS: Final = "circuits"
NOISE_MODEL: Final = "noise_model"
TARGET: Final = "target"
LINKS: Final = (PROVENANCE, CIRCUITS, NOISE_MODEL, TARGET)
"""The links of a run to objects that it may share with other runs."""
ARRAYS: Final = "arrays"
INPUTS: Final = "inputs"
RESULT: Final = "result"
COUNTS: Final = "counts"
MEMORY: Final = "memory"
SCALARS: Final = "scalars"
CHECKSUMS_SUFFIX: Final = ".checksums"
LONG_PREFIX: Final = "long."

MAX_TEXT_ATTRIBUTE_BYTES: Final = 32_000
MAX_COMPACT_BYTES: Final = 1024
MAX_PACKED_BYTES: Final = 64 * 1024
CHUNK_BYTES: Final = 1024 * 1024
DEFLATE_LEVEL: Final = 1
MIN_TREATED_BYTES: Final = 64 * 1024
"""Arrays with fewer bytes are stored with portable filters in every profile, because other ways save nothing."""
COMPRESSIONS: Final = ("portable", "none", "fast", "small")
ARRAY_VERSION: Final = 2
"""The newest version of the encoding ``array``. Version 2 marks a narrower stored type, or filters besides deflate."""

MAX_FREE_KEYS: Final = 24
"""The greatest number of keys of one free mapping that get attributes of their own."""

OUTCOMES: Final = ("ok", "partial", "failed", "error", "cancelled", "lost", "running")
