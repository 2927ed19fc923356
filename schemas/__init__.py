"""The contracts: every table, its columns, keys and rules; ids; time spans. Pure: no files, no processes."""
