"""Amaranth components: near-memory neuron cores and the chips built from them."""
