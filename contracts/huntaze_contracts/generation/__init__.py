"""What other languages and tools read, made from the contracts: `./dev contracts` writes all of it."""
