"""Routers for single-flit packets: buffers → routing → arbiters → crossbar, and the meshes built of them."""
