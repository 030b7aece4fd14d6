"""A folder per operator: schema, oracle, cases, and its versions from the plainest to the best."""
