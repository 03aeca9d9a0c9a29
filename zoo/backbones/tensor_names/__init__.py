"""What the tensors of one network are called in different libraries."""
