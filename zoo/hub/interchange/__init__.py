"""Model folders that other libraries load as they are, and theirs as model folders."""
