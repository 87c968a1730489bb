"""Measures sshore against what it is made of: the raw engine and a bare asyncssh server. `python -m bench`."""
