"""The documents of a run: the draft that is to be written, and what is read from its group."""

from aerchive.codecs.registry import decode_inline, encode_inline
from aerchive.models.base import Document

Document.further = encode_inline, decode_inline
