"""Who may work on which task, and until when."""
