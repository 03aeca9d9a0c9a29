"""What one file becomes before the network sees it."""
