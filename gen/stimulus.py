"""Spikes to run a network on, and its answers: ``.npz``, ``.npy`` and NIR data files."""

import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .config import Stimulus
from .errors import RanvierError
from .files import written_aside

RANDOM_SAMPLES = 16
_NIR_DATA = (".nir", ".h5", ".hdf5")


@dataclass(frozen=True)
class Samples:
    """``spikes`` bool ``[samples, steps, inputs]``, uint8 where they are graded; ``labels`` int64 ``[samples]``, if
    known; ``transfers`` int64 ``[samples, transfers, fields]``: what an encoder on the chip makes the spikes of, if
    there is one, as its code gives them (rows that begin with -1 are none)."""

    spikes: np.ndarray
    labels: np.ndarray | None = None
    transfers: np.ndarray | None = None

    def first(self, count: int) -> "Samples":
        """The first ``count`` of them, or as many as there are."""
        arrays = (None if array is None else array[:count] for array in (self.labels, self.transfers))
        return Samples(self.spikes[:count], *arrays)


def load_stimulus(
    stimulus: Stimulus,
    inputs: int,
    steps: int,
    seed: int,
    dt_s: float | None = None,
    random_samples: int = RANDOM_SAMPLES,
    classes: int | None = None,
    shape: tuple[int, ...] = (),
    levels: int = 1,
) -> Samples:
    """The samples of the stimulus file, or ``random_samples`` random ones.

    ``steps``: the most steps that a file's sample may have, and the steps of a random one. ``dt_s``: length of a
    step, for NIR data. ``classes``: how many the labels may name. ``shape``: the inputs', which a file's may
    have, too. ``levels``: greatest value of an input. Raises RanvierError where values or shapes do not fit.
    """
    if stimulus.file is None:
        random = np.random.default_rng(seed)
        present = random.random((random_samples, steps, inputs)) < stimulus.rate
        return Samples(present * random.integers(1, levels + 1, present.shape, np.uint8) if levels > 1 else present)
    path = stimulus.file
    labels = None
    if path.suffix == ".npz":
        arrays = load_npz(path, ("spikes", "labels"))
        if "spikes" not in arrays:
            raise RanvierError(f"Stimulus {path} has no array 'spikes'; write it with numpy.savez(file, spikes=...)")
        values, labels = arrays["spikes"], arrays.get("labels")
    elif path.suffix == ".npy":
        values = load_npy(path)
    elif path.suffix in _NIR_DATA:
        values = _load_nir(path, dt_s, levels)
    else:
        raise RanvierError(f"Stimulus {path} must be .npz, .npy or NIR data ({', '.join(_NIR_DATA)})")
    if len(shape) > 1 and values.ndim > len(shape) and values.shape[-len(shape) :] == shape:
        values = values.reshape(*values.shape[: -len(shape)], inputs)
    spikes = _checked(path, values, inputs, steps, levels)
    return Samples(spikes, None if labels is None else checked_labels(path, labels, len(spikes), classes))


def check_output(path: Path) -> None:
    """Raise RanvierError where :func:`write_results` could not write ``path``: to know it before the work is done."""
    if path.suffix != ".npz" and path.suffix not in _NIR_DATA:
        raise RanvierError(f"Output {path} must be .npz or NIR data ({', '.join(_NIR_DATA)})")
    if path.exists():
        raise RanvierError(f"Output {path} exists; remove it or choose another name")
    if not path.parent.is_dir():
        raise RanvierError(f"Output {path} cannot be written: {path.parent} is no folder; make it first")


def write_results(path: Path, nodes: Mapping[str, tuple[np.ndarray, np.ndarray]], dt_s: float) -> None:
    """Write spikes and membrane potentials, both ``[samples, steps, neurons]``, of each node.

    ``.npz``: arrays ``<node>.spikes`` and ``<node>.membrane``; else NIR data with time-gridded observables
    ``spikes`` and ``membrane``. Raises RanvierError where the file exists or cannot be written.
    """
    check_output(path)
    with written_aside(path, "Output") as aside:
        if path.suffix == ".npz":
            arrays = {f"{name}.spikes": spikes for name, (spikes, _) in nodes.items()}
            arrays |= {f"{name}.membrane": membrane for name, (_, membrane) in nodes.items()}
            with aside.open("wb") as file:
                np.savez_compressed(file, allow_pickle=False, **arrays)
        else:
            _write_nir(aside, nodes, dt_s)


def _write_nir(path: Path, nodes: Mapping[str, tuple[np.ndarray, np.ndarray]], dt_s: float) -> None:
    import nir

    data = {
        name: nir.NIRNodeData({"spikes": nir.TimeGriddedData(spikes, dt_s), "membrane": nir.TimeGriddedData(v, dt_s)})
        for name, (spikes, v) in nodes.items()
    }
    nir.write_data(path, nir.NIRGraphData(data))


def _checked(path: Path, values: np.ndarray, inputs: int, steps: int, levels: int) -> np.ndarray:
    if values.dtype.kind not in "biuf":
        raise RanvierError(f"Stimulus {path} must hold numbers, not {values.dtype}")
    if values.ndim not in (2, 3) or values.shape[-1] != inputs or not values.size:
        raise RanvierError(
            f"Stimulus {path} must have shape [steps, {inputs}] or [samples, steps, {inputs}], not {list(values.shape)}"
        )
    values = values.reshape(-1, *values.shape[-2:])
    if values.shape[1] > steps:
        raise RanvierError(
            f"Stimulus {path} has {values.shape[1]} steps, but quantisation.steps is {steps}; set it to the greater"
        )
    wrong = ~((values >= 0) & (values <= levels) & (values == np.floor(values)))
    if wrong.any():
        where = [int(i) for i in np.argwhere(wrong)[0]]
        held = "0 and 1 only" if levels == 1 else f"whole numbers from 0 to {levels}"
        raise RanvierError(
            f"Stimulus {path} must hold {held}, not {values[tuple(where)]:g} at {where}; of graded spikes set"
            " quantisation.input_levels to the greatest"
        )
    return values.astype(bool if levels == 1 else np.uint8)


def checked_labels(path: Path, labels: np.ndarray, samples: int, classes: int | None) -> np.ndarray:
    """``labels`` as int64; raises RanvierError where they are not one of ``classes`` for each of ``samples``."""
    if labels.dtype.kind not in "iu" or labels.shape != (samples,):
        shape = f"{labels.dtype} {list(labels.shape)}"
        raise RanvierError(f"Stimulus {path} must have one integer label for each of {samples} samples, not {shape}")
    wrong = (labels < 0) | (labels >= (classes or np.inf))
    if wrong.any():
        sample = int(np.argmax(wrong))
        below = "" if classes is None else f" to {classes - 1}, as there are {classes} output neurons"
        raise RanvierError(f"Stimulus {path} must have labels from 0{below}, not {labels[sample]} of sample {sample}")
    return labels.astype(np.int64)


def load_npy(path: Path) -> np.ndarray:
    """The array of ``path``. Raises RanvierError."""
    with _explained(path, "an array of numbers as numpy.save writes it"):
        return np.asarray(np.load(path, allow_pickle=False))


def load_npz(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those of the arrays ``names`` that ``path`` has. Raises RanvierError."""
    with _explained(path, "arrays of numbers as numpy.savez writes them"), np.load(path, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name in names}


@contextmanager
def _explained(path: Path, what: str) -> Iterator[None]:
    """NumPy's own messages speak of pickles where a file is damaged."""
    try:
        yield
    except OSError as error:
        raise RanvierError(f"Stimulus {path} cannot be read: {error.strerror or error}") from None
    except (ValueError, EOFError, MemoryError, TypeError, NotImplementedError, zipfile.BadZipFile, zlib.error):
        raise RanvierError(f"Stimulus {path} must hold {what}; it is damaged or something else") from None


def _load_nir(path: Path, dt_s: float | None, levels: int) -> np.ndarray:
    from .readers.hdf5 import read_hdf5

    nodes, arrays = read_hdf5("data", path)
    if len(nodes) > 1 and "input" in nodes:
        nodes = {"input": nodes["input"]}
    if len(nodes) != 1:
        raise RanvierError(
            f"Stimulus {path} must have data of one node, or of one named 'input', not of {sorted(nodes)}"
        )
    name, observables = nodes.popitem()
    if "spikes" not in observables and len(observables) != 1:
        raise RanvierError(f"Stimulus {path} must have 'spikes' of {name}, not {sorted(observables)}")
    item = observables.get("spikes") or next(iter(observables.values()))
    fields = {key: arrays[index] for key, index in item["arrays"].items()}
    if "data" in fields:
        own = item["attributes"].get("dt")
        if own is not None and dt_s is not None and not np.isclose(own, dt_s, rtol=1e-3):
            raise RanvierError(
                f"Stimulus {path} is a grid of {own:g} s, but a step of the network is {dt_s:g} s; make the grid again"
                " with that step, or set discretisation.dt_s"
            )
        return fields["data"]
    if not {"idx", "time"} <= fields.keys() or not {"n_neurons", "t_max"} <= item["attributes"].keys():
        raise RanvierError(f"Stimulus {path} must have a grid 'data', or events 'idx' and 'time', of {name}")
    return _gridded(path, fields["idx"], fields["time"], item["attributes"], dt_s, levels)


def _gridded(
    path: Path, index: np.ndarray, time: np.ndarray, attributes: dict[str, float], dt_s: float | None, levels: int
) -> np.ndarray:
    """Events ``[samples, events]`` (index -1: none) as their numbers, ``[samples, steps, inputs]``."""
    if dt_s is None:
        raise RanvierError(f"Stimulus {path} gives event times, but a blank core has no time step; use a grid instead")
    inputs, steps = attributes["n_neurons"], np.rint(attributes["t_max"] / dt_s)
    if index.ndim != 2 or index.shape != time.shape or not 1 <= inputs <= 1 << 20 or not 1 <= steps <= 1 << 20:
        raise RanvierError(f"Stimulus {path}: events {list(index.shape)} of {inputs:g} neurons in {steps:g} steps")
    if index.shape[0] * steps * inputs > 1 << 30:
        raise RanvierError(f"Stimulus {path} makes {index.shape[0]} samples of {steps:g} steps: too many; split it")
    if (fractions := index != np.floor(index)).any():  # also where it is not a number
        raise RanvierError(f"Stimulus {path} must have whole numbers in 'idx', not {index[fractions][0]:g}")
    present = index >= 0
    sample = np.nonzero(present)[0]
    neuron = index[present].astype(np.int64)
    step = np.floor(time[present] / dt_s + 1e-6)  # a time that is a whole number of steps but for rounding
    inside = (neuron < inputs) & (step >= 0) & (step < steps)  # false for NaN too
    if not inside.all():
        outside = int(np.count_nonzero(~inside))
        raise RanvierError(
            f"Stimulus {path} has {outside} events outside its {inputs:g} neurons or {steps:g} steps of {dt_s:g} s;"
            " correct them, or dt_s"
        )
    grid = np.zeros((index.shape[0], int(steps), int(inputs)), np.int32)
    np.add.at(grid, (sample, step.astype(np.int64), neuron), 1)
    if grid.size and grid.max() > levels:
        raise RanvierError(
            f"Stimulus {path} has {grid.max()} events of one neuron within {dt_s:g} s; set a smaller dt_s, or"
            " quantisation.input_levels to their number"
        )
    return grid
