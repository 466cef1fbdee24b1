"""What programs talk to: the management API, health, metrics, and how HTTP is served around them.

Nothing here opens a store or reads a setting: `app` hands both in. What is not named open is refused (invariant 11).
"""
