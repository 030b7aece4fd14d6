"""What people do together: discussions of tasks, SIGs, study groups with their calendars, announcements."""
