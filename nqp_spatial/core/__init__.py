"""The ground that everything stands on: panels, ids, options, tests, display of results."""
