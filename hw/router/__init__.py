"""Routers for single-flit packets: buffers → routing → arbiters → crossbar, and meshes, tori and trees of them."""
