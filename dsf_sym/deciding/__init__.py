"""The questions: equal, contained, smallest state, and why not."""
