"""The parts of a card's body, in the order of reading."""
