"""What every app of the hub stands on: transitions, errors, clock, ids. No models."""
