"""Connects, commands, transfers, resizes, kills and faults at random, and what they leave behind in the server."""
