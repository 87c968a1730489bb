"""Many connections that do nothing, with a shell each: what they cost, and whether a newcomer notices them."""
