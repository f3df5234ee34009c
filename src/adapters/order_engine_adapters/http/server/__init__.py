"""The HTTP/1.1 server: sockets, connections and ASGI, without any knowledge of orders."""
