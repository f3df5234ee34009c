"""The HTTP/1.1 server: sockets, connections and ASGI. It knows nothing of orders."""
