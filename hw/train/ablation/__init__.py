"""Published ways to turn spikes into sums of weights, to compare with events: look-up tables and a systolic array.

Both take ``fused`` axons at a time, a *block*, and copy what they need of the weights into memories of their own after
each update. The neurons' arithmetic, the traces and all that follows are the trainer's.
"""
