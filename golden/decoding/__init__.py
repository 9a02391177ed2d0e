"""From what the last layer does to the answer of each sample, step by step; a file for each decoder."""
