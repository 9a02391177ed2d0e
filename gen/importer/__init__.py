"""PyTorch modules of snnTorch, SpikingJelly and Norse to NIR, with what NIR and its exporters leave out.

Modules in here need torch, which is an extra: nothing imports them but ``ranvier import``.
"""
