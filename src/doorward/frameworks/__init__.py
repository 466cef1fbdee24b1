"""A door in front of your app, in your framework's own types."""
