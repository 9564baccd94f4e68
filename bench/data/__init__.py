"""The data worker: counting a day, clean-up beside a writer, partitions; beside floors and peers."""
