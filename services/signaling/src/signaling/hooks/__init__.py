"""The operator's web server (`core.hooks`): asked before a page or the REST API gets its way, told what happens."""
