"""JSON by audience; so far the workers."""
