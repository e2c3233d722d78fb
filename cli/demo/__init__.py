"""A flow that ships with guideway, and the show that `guideway demo` makes of it."""
