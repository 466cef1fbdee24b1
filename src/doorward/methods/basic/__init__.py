"""HTTP Basic with app passwords."""
