"""An engine in memory, for what the real one cannot be made to do; it passes the same contract tests."""
