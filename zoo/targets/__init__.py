"""What a network answers: its loss and its metrics."""
