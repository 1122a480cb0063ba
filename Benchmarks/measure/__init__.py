"""What `make bench` is made of: the stack, the programs that measure, and a file for each group of figures."""
