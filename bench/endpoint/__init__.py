"""The whole worker endpoint: CPU per signed request, against FastAPI + qstash Receiver and Next.js."""
