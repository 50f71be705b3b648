"""What several demos share: their options, what they print, their page and its figures."""
