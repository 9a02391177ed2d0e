"""Reads one HDF5 file in a process of its own: ``python -m ranvier.gen.readers.worker model|data PATH``.

HDF5's library crashes, hangs or allocates without end on damaged files, so that this process limits its time
and memory, and its parent survives it. Writes a NumPy ``.npz`` on stdout: ``description`` (JSON) and the
arrays that it names. A problem that the user can mend is one line on stderr and exit status 3.
"""

import io
import json
import resource
import sys
from typing import Any

TIME_S = 20
MEMORY_BYTES = 4 << 30
MAX_ELEMENTS = 1 << 26
MAX_NODES = 1 << 12
MAX_DEPTH = 16  # of graphs in graphs


class UnreadableError(Exception):
    """The file does not hold what it must; the text completes "Model PATH …"."""


class _Reader:
    """Collects arrays, each checked before memory is taken for it."""

    def __init__(self, h5py: Any, numpy: Any) -> None:
        self.h5py, self.numpy = h5py, numpy
        self.arrays: dict[str, Any] = {}
        self.elements = 0

    def members(self, group: Any, where: str) -> list[str]:
        if not isinstance(group, self.h5py.Group):
            raise UnreadableError(f"has no group '{where}'")
        if len(group) > MAX_NODES:
            raise UnreadableError(f"has {len(group)} entries in '{where}'; at most {MAX_NODES} are read")
        if not all(name.isprintable() for name in group):
            raise UnreadableError(f"has names in '{where}' that cannot be printed")
        return [name for name in group if isinstance(group.get(name, getlink=True), self.h5py.HardLink)]

    def text(self, dataset: Any, where: str) -> Any:
        """A scalar or array of strings as (nested lists of) str."""
        if not isinstance(dataset, self.h5py.Dataset) or dataset.size is None or dataset.size > 4 * MAX_NODES:
            raise UnreadableError(f"has no text '{where}'")
        value = dataset.asstr()[()] if self.h5py.check_string_dtype(dataset.dtype) else None
        if value is None:
            raise UnreadableError(f"must hold text in '{where}', not {dataset.dtype}")
        return value if isinstance(value, str) else value.tolist()

    def numbers(self, dataset: Any, where: str) -> str:
        """Key of the array of a numeric dataset, float64 or int64."""
        if dataset.dtype.kind not in "fiub" or dataset.size is None:
            raise UnreadableError(f"must hold real numbers in '{where}', not {dataset.dtype}")
        if dataset.external or dataset.is_virtual:
            raise UnreadableError(f"keeps '{where}' in another file, which is not read")
        self.elements += dataset.size
        if self.elements > MAX_ELEMENTS:
            raise UnreadableError(f"has more than {MAX_ELEMENTS} numbers, at '{where}' {list(dataset.shape)}")
        key = str(len(self.arrays))
        kind = self.numpy.float64 if dataset.dtype.kind == "f" else self.numpy.int64
        self.arrays[key] = dataset[()].astype(kind)
        return key


def _model(reader: _Reader, file: Any) -> dict[str, Any]:
    """Nodes with their types, numbers and words, and the edges, of a NIR graph; graphs in it are dissolved."""
    nodes: dict[str, Any] = {}
    edges: list[list[str]] = []
    _graph(reader, file.get("node"), "node", "", nodes, edges)
    return {"nodes": nodes, "edges": edges}


def _graph(
    reader: _Reader, graph: Any, where: str, prefix: str, nodes: dict[str, Any], edges: list[list[str]]
) -> dict[str, str]:
    """Enter a graph's nodes, named behind ``prefix``. The ends of a graph within another one become wires; the names of
    its ends, by their type."""
    if prefix.count(".") > MAX_DEPTH or len(nodes) > MAX_NODES:
        raise UnreadableError(f"has too many graphs in each other, at '{where}'")
    group: Any = graph.get("nodes") if isinstance(graph, reader.h5py.Group) else None
    ends: dict[str, str] = {}
    inner: dict[str, dict[str, str]] = {}
    for name in reader.members(group, f"{where}/nodes"):
        kind = reader.text(group[name].get("type"), f"{where}/nodes/{name}/type")
        if kind == "NIRGraph":
            inner[name] = _graph(reader, group[name], f"{where}/nodes/{name}", f"{prefix}{name}.", nodes, edges)
            continue
        if prefix + name in nodes:
            raise UnreadableError(f"has two nodes '{prefix}{name}', one of them in a graph of its own")
        if prefix and kind in ("Input", "Output") and kind in ends:
            raise UnreadableError(f"has a second {kind} in '{where}'")
        ends[kind] = prefix + name
        fields, words = {}, {}
        for field in reader.members(group[name], f"{where}/nodes/{name}"):
            value = group[name][field]
            if not isinstance(value, reader.h5py.Dataset) or field in ("edges", "type"):
                continue
            if reader.h5py.check_string_dtype(value.dtype):
                words[field] = str(reader.text(value, f"{name}/{field}"))
            else:
                fields[field] = reader.numbers(value, f"{name}/{field}")
        kind = "Wire" if prefix and kind in ("Input", "Output") else kind
        nodes[prefix + name] = {"type": kind, "fields": fields, "words": words}
    for source, target in _edges(reader, graph, where):
        given = inner[source].get("Output", prefix + source) if source in inner else prefix + source
        taken = inner[target].get("Input", prefix + target) if target in inner else prefix + target
        edges.append([given, taken])
    return ends


def _edges(reader: _Reader, graph: Any, where: str) -> Any:
    edges = graph.get("edges")
    if isinstance(edges, reader.h5py.Dataset) and edges.size == 0:
        return []
    if not isinstance(edges, reader.h5py.Dataset) or edges.ndim != 2 or edges.shape[1] != 2:
        raise UnreadableError(f"has no list of edges, pairs of node names, in '{where}/edges'")
    return reader.text(edges, f"{where}/edges")


def _data(reader: _Reader, file: Any) -> dict[str, Any]:
    """Observables of each node of NIR data."""
    nodes: dict[str, Any] = {}
    group = file.get("nodes")
    for name in reader.members(group, "nodes"):
        observables = group[name].get("observables")
        nodes[name] = {}
        for observable in reader.members(observables, f"nodes/{name}/observables"):
            item = observables[observable]
            where = f"{name}/{observable}"
            attributes = {key: float(item.attrs[key]) for key in ("dt", "n_neurons", "t_max") if key in item.attrs}
            arrays = {key: reader.numbers(item[key], f"{where}/{key}") for key in reader.members(item, where)}
            nodes[name][observable] = {"attributes": attributes, "arrays": arrays}
    return nodes


def main(kind: str, path: str) -> None:
    for limit, value in (("AS", MEMORY_BYTES), ("CPU", TIME_S), ("CORE", 0)):
        resource.setrlimit(getattr(resource, f"RLIMIT_{limit}"), (value, value))
    import h5py
    import numpy

    reader = _Reader(h5py, numpy)
    try:
        with h5py.File(path, "r") as file:
            description = {"model": _model, "data": _data}[kind](reader, file)
    except UnreadableError as problem:
        sys.exit(_explain(str(problem)))
    except MemoryError:
        sys.exit(_explain(f"needs more than {MEMORY_BYTES >> 30} GiB to be read"))
    except Exception as error:  # h5py raises whatever the damage leads to
        sys.exit(_explain(f"is damaged: {error}"))
    output = io.BytesIO()
    numpy.savez(output, allow_pickle=False, description=numpy.array(json.dumps(description)), **reader.arrays)
    sys.stdout.buffer.write(output.getbuffer())


def _explain(problem: str) -> int:
    print(" ".join(problem.split()), file=sys.stderr)
    return 3


if __name__ == "__main__":
    main(*sys.argv[1:])
