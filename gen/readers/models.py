"""Neurons of the models that NIR does not have: a node's type names the model, its fields are the model's.

Time is discrete in these: a ``decay`` is what a state keeps in a step.
"""

import numpy as np

from ranvier.golden.neurons.fields import filled, models
from ranvier.golden.neurons.neuron import NEURONS

from ..frameworks import TimeModel
from ..network import ModelNeurons
from .graph import Node, NodeError
from .maps import Shape
from .nodes import Population, Stage, field, matched, size_of, translates


@translates(*models())
def _neurons(node: Node, shape: Shape | None, time: TimeModel) -> tuple[Stage, Shape]:
    model = NEURONS[node.type]
    try:
        arrays = filled(model, {name: field(node, name) for name in node.fields})
    except ValueError as error:
        raise NodeError(str(error), "correct the values of the node, or train it again") from None
    own = {a.shape for name, a in arrays.items() if a.size != 1 and not model.FIELDS[name].whole}
    if len(own) > 1:
        shapes = ", ".join(str(list(each)) for each in sorted(own))
        raise NodeError(f"its parameters differ in shape: {shapes}", "give each neuron one value of each")
    if own:
        matched(node, next(iter(own)), shape)
        shape = shape or next(iter(own))
    shape = shape or (1,)
    n = size_of(shape)
    values = {
        name: array if model.FIELDS[name].whole else np.broadcast_to(array.reshape(-1), n).copy()
        for name, array in arrays.items()
    }
    return Population(np.ones(n), ModelNeurons(node.type, values, n)), shape
