"""A Django site with django-qstash and its results application, as its documentation sets them up."""
