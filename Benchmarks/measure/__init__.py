"""The modules of `make bench`: one per group of figures, and the stack, programs and workload that they share."""
