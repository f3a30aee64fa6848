"""Pages for people: the figures of the commands' JSON as HTML, without a script and without anything from elsewhere."""
