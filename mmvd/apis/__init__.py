"""Ways in for people and programs."""
