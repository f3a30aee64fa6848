"""Pages for people: the figures of the commands' JSON as HTML, without a script and without anything from elsewhere."""

ROOTS = ("loads", "quarantine", "explain", "data", "erasures")
"""First parts of the paths of pages, which no served path may begin with."""
