"""Apps: who owns the credentials of programs. An app is never a person.

An app has a name, may belong to an organization, and holds API keys and app passwords. Suspending it bars all of them
at once and can be undone; revoking it is final. Both act through one row of the feed, whatever the number of
credentials.
"""
