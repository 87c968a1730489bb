"""Named pipes that carry a program's bytes past the engine, where both are on one host."""
