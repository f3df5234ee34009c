"""What answers take when a hundred thousand, a million and ten million orders are kept."""
