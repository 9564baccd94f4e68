"""A stand-in for the Apify API that serves sample posts: ``python -m huntaze_local.apify --port N``.

It answers what `apify-client` 3 asks for to start an actor, to follow the run and to read its dataset, and it
calls ad-hoc webhooks when a run has finished. Nothing is scraped and nothing is charged. Runs live in memory.
"""
