"""Workers, jobs, attempts, verdicts, measurements: the database is the queue."""
