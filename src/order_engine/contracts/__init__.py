"""The conformance kit: what any adapter has to pass, ours or yours."""
