"""Pictures fetched by URL for callers, guarded: where from is the operator's choice, not the URL's."""
