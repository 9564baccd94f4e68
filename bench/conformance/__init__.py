"""The official SDKs' own test suites, run against qstash-local on loopback."""
