"""What every worker shares: signatures, publishing, the job lifecycle."""
