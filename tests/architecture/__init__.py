"""What import-linter and the type checker cannot see: strings, data folders, files beside the code."""
