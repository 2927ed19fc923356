"""The catalogue on disk, and running a stage over its rows that are not done yet."""
