"""Looking at a live engine from outside, over its own network interface: `doctor --live`, `bench --live`."""
