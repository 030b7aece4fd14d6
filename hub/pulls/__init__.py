"""Pull requests, patch sets, reviews, comments, merges."""
