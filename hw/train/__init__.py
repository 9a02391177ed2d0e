"""The datapath that trains on chip: forward, backward and weight-gradient engines, loss and optimiser."""
