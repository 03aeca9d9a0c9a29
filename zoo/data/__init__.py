"""From a folder to labelled, split, checked samples and batches of them."""
