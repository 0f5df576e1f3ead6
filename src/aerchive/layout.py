"""Names, attributes and versions that appear on disk (``schemas/v1/layout.md``). It has constants and no more.

See decisions 0001 and 0029.
"""

from __future__ import annotations

from typing import Final

FORMAT: Final = "aerchive project"
FORMAT_VERSION: Final = 1
FORMAT_DRAFT: Final = 2
"""Number of the draft of this version of the format; it goes when the format is declared."""
FEATURES: Final = frozenset[str]()
"""Names of the features that this version knows, of those that files and runs may require or use."""
ABOUT: Final = (
    "Quantum simulations archived by aerchive. /runs holds a folder for each day and in it a group for each "
    "simulation: select a run and look at its attributes and at those of its config, status and provenance; view has "
    "plots, counts is a table, statevector and the like hold the saved states (complex numbers as r and i). "
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
"""Rows in one chunk of the catalogue of a small project; 32 rows take 18.5 KiB."""
CATALOGUE_CHUNK_GROWTH: Final = 4
"""How much larger the chunks become when the catalogue has more than two."""
MOST_CHUNK_ROWS: Final = 2**17
"""Rows in the largest chunk of the catalogue; they take 74 MiB."""
CHANGES_SUFFIX: Final = ".changes"
CHANGES_CHUNK_ROWS: Final = 256
"""Rows in one chunk of the list of changes; they take 3 KiB."""
COLUMNS: Final = "columns"
"""Group of the columns beside the catalogue: parameters, circuits in numbers, saved numbers."""
COLUMN_CHUNK_BYTES: Final = 1024
"""Bytes in one chunk of such a column, about."""
MOST_COLUMNS: Final = 512
"""The greatest number of such columns."""
RUNS: Final = "runs"
DELETED: Final = "deleted"
DELETED_TABLES: Final = "tables"
DELETIONS: Final = "deletions"
"""Table of the runs and attachments that were deleted and restored; compaction keeps it."""
DELETIONS_CHUNK_ROWS: Final = 32
"""Rows in one chunk of this table; they take 2.7 KiB."""
ATTACHMENTS: Final = "attachments"
"""Group of the attachments of a run, or of the project, and of those among the deleted nodes."""
ATTACHMENT_UUID: Final = "attachment_uuid"
"""The attribute of an attachment that takes the place of the run's UUID in its checksums."""
RUNS_PER_FOLDER: Final = 1000
OBJECTS: Final = "objects"
OBJECT_DIGEST_LENGTH: Final = 40

SEAL: Final = "seal"
"""The group of a run with what identifies it: encoding, UUID, features and the digest of its core."""
CONFIG: Final = "config"
STATUS: Final = "status"
LABELS: Final = "labels"
PROVENANCE: Final = "provenance"
CIRCUITS: Final = "circuits"
NOISE_MODEL: Final = "noise_model"
TARGET: Final = "target"
MISSING: Final = "missing"
"""Group of a run without some of its datasets: what it lacks, and why. It has a digest of its own."""
RECOMPUTED: Final = "recomputed"
"""The attribute of this group with the number of datasets that the run computes again; left out if there is none."""
VIEW: Final = "view"
"""Group with what people see: plots of a run, texts of circuits. It has a digest of its own, may be replaced as a
whole, and is no part of the digest of the run or the object."""
COVER: Final = "cover"
"""Group of the picture of the project's newest runs, at the root; it has a digest of its own."""
SHOWN: Final[tuple[str, ...]] = (
    *("title", "outcome", "program", "method", "qubits", "shots", "seconds", "circuit", "noise", "name", "tags"),
    *("error", "NX_class", "default"),
)
"""Attributes of a run's group that repeat its documents in words, or lead viewers to a plot. They are no part of the
digest of the run, and `verify` compares them with the documents."""
DEFAULT: Final = "default"
"""The attribute with the path of the plot that viewers show first, of a run and of the root."""
DEFAULT_BYTES: Final = 96
"""Width of the root's attribute of this name, which is replaced in place."""
LINKS: Final = (PROVENANCE, CIRCUITS, NOISE_MODEL, TARGET)
"""The links of a run to objects that it may share with other runs."""
ARRAYS: Final = "arrays"
INPUTS: Final = "inputs"
RESULT: Final = "result"
COUNTS: Final = "counts"
MEMORY: Final = "memory"
TABLE: Final = "table"
PARAMETER_NAMES: Final = "parameter_names"
TEXT: Final = "text"
"""The dataset of an attachment that is a text."""
CHECKSUMS_SUFFIX: Final = ".checksums"
LONG_PREFIX: Final = "long."
PIECE_SHAPE: Final = "piece_shape"
"""The attribute of a dataset of several chunks with the shape of the pieces that the digests are of."""
STORAGE_ATTRIBUTES: Final = frozenset({"crc32", "blake3", "filter_hint", PIECE_SHAPE})
"""Attributes of datasets that say how the values are stored. No digest of a node covers them."""
OPENQASM: Final = "openqasm"
DRAWING: Final = "drawing"
FREE_TEXTS: Final = frozenset({PARAMETER_NAMES, TEXT, OPENQASM, DRAWING})
"""Datasets of runs and objects with text that need not be ASCII, besides those whose names begin with `LONG_PREFIX`."""

MAX_TEXT_ATTRIBUTE_BYTES: Final = 32_000
ROW_BYTES: Final = 100
"""The greatest number of bytes in a row of a text that is stored as a dataset."""
MAX_COMPACT_BYTES: Final = 1024
MAX_PACKED_BYTES: Final = 64 * 1024
CHUNK_BYTES: Final = 1024 * 1024
DEFLATE_LEVEL: Final = 1
MATRIX_PRODUCT: Final = "matrix_product"
LOW_RANK: Final = "low_rank"
VALUE_TABLE: Final = "value_table"
"""Values of the attribute ``layout`` of arrays that are not stored element by element."""
MIN_TREATED_BYTES: Final = 64 * 1024
"""Arrays with fewer bytes are stored with portable filters in every profile, because other ways save nothing."""
COMPRESSIONS: Final = ("portable", "none", "fast", "small", "structure")
ARRAY_VERSION: Final = 1
"""The newest version of the encoding ``array``."""

MAX_FREE_KEYS: Final = 24
"""The greatest number of keys of one free mapping that get attributes of their own."""

OUTCOMES: Final = ("ok", "partial", "failed", "error", "cancelled", "lost", "running")


def unknown_features(names: object) -> set[str]:
    """Returns the names of features that this version does not know, from an attribute ``requires`` or ``uses``."""
    return set(names.split()) - FEATURES if isinstance(names, str) else set()


def rows_of_chunk(rows: int) -> int:
    """Rows in one chunk of a catalogue, so that it has at most two chunks, which are two pieces of the file.

    Args:
        rows: Number of rows of the catalogue.
    """
    chunk = CATALOGUE_CHUNK_ROWS
    while rows > 2 * chunk and chunk < MOST_CHUNK_ROWS:
        chunk *= CATALOGUE_CHUNK_GROWTH
    return chunk
