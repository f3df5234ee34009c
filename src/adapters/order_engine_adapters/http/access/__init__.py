"""Access control: API keys and scopes, rate limits, CORS and cross-site requests."""
