"""The proxies that are tested: the program of each, how it is started, and the shortest site that forwards everything.

Each frame keeps the defaults of its program in all that a client may notice. It only moves files into a folder of the
test's own, takes away the root and the daemon, and has `SITE` where the user's own part is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

FOLDER: Final = "FOLDER"
PORT: Final = "8080"
SERVICE_PORT: Final = "8000"
SERVICE: Final = f"127.0.0.1:{SERVICE_PORT}"
SITE: Final = "SITE"


@dataclass(frozen=True)
class Kind:
    """One program that forwards requests."""

    program: str
    package: str
    """The package of Debian and Ubuntu."""
    arguments: Sequence[str]
    frame: str
    site: str


CADDY: Final = Kind(
    "caddy",
    "caddy",
    ("run", "--adapter", "caddyfile", "--config", "FOLDER/configuration"),
    frame="""
{
    admin off
    auto_https off
}
SITE
""",
    site="""
http://127.0.0.1:8080 {
    reverse_proxy 127.0.0.1:8000
}
""",
)

NGINX: Final = Kind(
    "nginx",
    "nginx",
    ("-p", "FOLDER", "-c", "FOLDER/configuration", "-e", "FOLDER/errors.log"),
    frame="""
daemon off;
pid FOLDER/pid;
error_log FOLDER/errors.log;
events {}
http {
    access_log off;
    client_body_temp_path FOLDER/body;
    proxy_temp_path FOLDER/proxy;
    fastcgi_temp_path FOLDER/fastcgi;
    uwsgi_temp_path FOLDER/uwsgi;
    scgi_temp_path FOLDER/scgi;
    SITE
}
""",
    site="""
server {
    listen 127.0.0.1:8080;
    location / {
        proxy_pass http://127.0.0.1:8000;
    }
}
""",
)

HAPROXY: Final = Kind(
    "haproxy",
    "haproxy",
    ("-db", "-f", "FOLDER/configuration"),
    frame="""
global
    maxconn 1000

defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
SITE
""",
    site="""
frontend shop
    bind 127.0.0.1:8080
    default_backend orders

backend orders
    server orders 127.0.0.1:8000
""",
)

APACHE: Final = Kind(
    "apache2",
    "apache2-bin",
    ("-d", "FOLDER", "-f", "FOLDER/configuration", "-DFOREGROUND"),
    frame="""
ServerName 127.0.0.1
PidFile FOLDER/pid
DefaultRuntimeDir FOLDER
Mutex posixsem
ErrorLog FOLDER/errors.log
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule alias_module /usr/lib/apache2/modules/mod_alias.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so
LoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so
LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_http_module /usr/lib/apache2/modules/mod_proxy_http.so
LoadModule rewrite_module /usr/lib/apache2/modules/mod_rewrite.so
LoadModule setenvif_module /usr/lib/apache2/modules/mod_setenvif.so
Listen 127.0.0.1:8080
SITE
""",
    site="""
<VirtualHost *:8080>
    ProxyPass / http://127.0.0.1:8000/
</VirtualHost>
""",
)

VARNISH: Final = Kind(
    "varnishd",
    "varnish",
    ("-F", "-n", "FOLDER/work", "-a", "127.0.0.1:8080", "-f", "FOLDER/configuration", "-s", "malloc,32m",
     "-j", "none"),
    frame="""
vcl 4.1;
SITE
""",
    site="""
backend default {
    .host = "127.0.0.1";
    .port = "8000";
}
""",
)  # fmt: skip

KINDS: Final[Mapping[str, Kind]] = {
    "Caddy": CADDY,
    "nginx": NGINX,
    "HAProxy": HAPROXY,
    "Apache": APACHE,
    "Varnish": VARNISH,
}
