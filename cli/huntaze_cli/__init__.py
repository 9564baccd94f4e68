"""The operator's command line, `huntaze`: the same against Upstash and the local stack."""
