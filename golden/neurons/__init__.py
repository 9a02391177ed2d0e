"""The neuron models: each one file, which says what it keeps, what it reads, and what a step does.

:mod:`.neuron` says what all have in common, :mod:`.leak` how states decay. Golden models (:mod:`..inference`,
:mod:`..torch_model`) and hardware (``ranvier.hw.core.lane``) run a model's ``step``; :data:`.neuron.NEURONS` finds it.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
