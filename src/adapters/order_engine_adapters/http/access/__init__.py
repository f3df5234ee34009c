"""Who may send which requests: API keys and their scopes, rate limits, and pages of other origins."""
