"""Reference models: the arithmetic of the hardware in integers, defined once.

:mod:`.fixed`, :mod:`.neurons` and :mod:`.generator` hold the arithmetic steps; :mod:`.program` the integer network
that both the hardware and the models run; :mod:`.inference` (NumPy) and :mod:`.torch_model` (PyTorch) run it.
"""
