"""Training in integers: backpropagation through time, its arithmetic defined once.

:mod:`.setup` says what is trained and in which formats. :mod:`.surrogate`, :mod:`.gradient`, :mod:`.loss`
and :mod:`.optimiser` hold the arithmetic steps; :mod:`.bptt` (NumPy) runs them over whole batches.
"""
