"""The pictures of a card, each as the bytes of a PNG."""
