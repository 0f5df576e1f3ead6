"""Reads a project of aerchive and checks it, with h5py and numpy alone: python read_without_aerchive.py FILE"""
import hashlib, itertools, sys, zlib, h5py, numpy as np

def document(group):
    return {name: value.decode() if isinstance(value, bytes) else value for name, value in group.attrs.items()}

def counts(run, experiment=0):
    """How often each bit string was measured; qubit 0 is the last character."""
    return {r["bitstring"].decode(): int(r["count"]) for r in run["counts"] if r["experiment"] == experiment}

def array(dataset):
    """A saved state or array; several of one shape are stacked along a new first axis."""
    values, about = dataset[...].astype(dataset.attrs["dtype"].decode(), copy=False), document(dataset)
    if about["layout"] == "matrix_product":
        states = list(products(values, [[int(bond) for bond in row.split()] for row in about["bonds"].split(";")]))
        return states[0] if len(states) == 1 else np.stack(states)
    if "members" in about:
        raise ValueError("the residual of a prediction: layout.md says how to restore the amplitudes")
    transposed = np.moveaxis(values.T, -1, 0) if about["layout"] == "stacked" else values.T
    return transposed if about["order"] == "F" else values

def products(values, rows):
    """State vectors from their tensors, which lie one after another; a row has the bond dimensions of one state."""
    at = 0
    for bonds in rows:
        state = np.ones((1, 1))
        for left, right in itertools.pairwise(bonds):
            tensor = values[at : at + 2 * left * right].reshape(left, 2 * right)
            state, at = (state @ tensor).reshape(-1, right), at + tensor.size
        yield state[:, 0].astype(complex)

def sums(dataset, column):
    """A checksum of each chunk: an attribute if there is one, else a column of the table beside the dataset."""
    own = dataset.attrs.get(column)
    return dataset.file[f"{dataset.name}.checksums"][column] if own is None else [own]

def damaged_chunks(dataset, owner):
    """The numbers of the chunks whose stored bytes do not have the CRC-32 that is noted."""
    name, crcs = dataset.name.rpartition("/")[2], sums(dataset, "crc32")
    for number, at in enumerate(np.ndindex(*-(-np.array(dataset.shape) // dataset.chunks))):
        offset, mask, stored = tuple(np.multiply(at, dataset.chunks)), 0, b""
        if dataset.id.get_chunk_info_by_coord(offset).byte_offset is not None:  # else all values are zero
            mask, stored = dataset.id.read_direct_chunk(offset)
        if zlib.crc32(stored, zlib.crc32(f"{owner}/{name}/{number}/{mask}".encode())) != crcs[number]:
            yield number

def digests(node, path=""):
    """The SHA-256 of each node in the core of a run, by path; a shared object counts with that in its name."""
    if "object" in node.attrs:
        return {path: document(node)["object"].rpartition("/")[2]}
    data, others = path.encode(), {"core_sha256", "crc32", "blake3", "filter_hint", "piece_shape"}
    for name in sorted(node.attrs.keys() - others if path else ("created", "job_id")):
        attribute = h5py.h5a.open(node.id, name.encode())
        attribute.read(value := np.empty((), attribute.dtype))
        data += f"|@{name}|{value.dtype.str}|".encode() + value.tobytes()
    if isinstance(node, h5py.Dataset):
        kind = np.dtype(document(node).get("dtype", node.dtype)) if node.dtype.kind in "fc" else node.dtype
        columns = [(n, kind[n].str) for n in kind.names or ()] or [("", kind.str)]
        data += f"|{columns}|{node.shape}|".encode()
        data += node[...].tobytes() if node.chunks is None else b"".join(sums(node, "blake3"))
    found = {path: hashlib.sha256(data).hexdigest()}
    for name in () if isinstance(node, h5py.Dataset) else node:
        if not f"{path}/{name}".endswith((".checksums", "/status", "/labels", "/attachments", "/view")):
            found |= digests(node[name], f"{path}/{name}".strip("/"))
    return found

if __name__ == "__main__":
    with h5py.File(sys.argv[1]) as file:
        for run in [file["runs"][row["path"].decode()] for row in file["catalogue"] if not row["deleted"]]:
            core = "".join(f"{path}={digest}\n" for path, digest in sorted(digests(run).items()))
            seal, chunked = document(run["seal"]), [node for node in run.values() if getattr(node, "chunks", 0)]
            damaged = [node.name for node in chunked if list(damaged_chunks(node, seal["run_uuid"]))]
            is_whole = hashlib.sha256(core.encode()).hexdigest() == seal["core_sha256"]
            print(run.name, document(run["status"])["outcome"], counts(run) if "counts" in run else "")
            print("  as it was archived" if is_whole else "  changed", *damaged)
