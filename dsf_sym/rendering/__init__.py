"""Forms, layers and verdicts as LaTeX and as text for the terminal."""
