# nginx.sh - an HTTP server with one answer: nginx, a worker process for each CPU, nothing logged.
# SPDX-License-Identifier: MIT
set -eu
workers=$2
port=$3
[ "$workers" -gt 1 ] && share=" reuseport" || share=
[ "$(id -u)" -ne 0 ] && user= || user="user root;"

cat >"$TMPDIR/nginx.conf" <<EOF
daemon off;
$user
worker_processes $workers;
pid $TMPDIR/nginx.pid;
error_log stderr error;
events { worker_connections 8192; }
http {
    access_log off;
    keepalive_requests 1000000;
    client_body_temp_path $TMPDIR/body;
    proxy_temp_path $TMPDIR/proxy;
    fastcgi_temp_path $TMPDIR/fastcgi;
    uwsgi_temp_path $TMPDIR/uwsgi;
    scgi_temp_path $TMPDIR/scgi;
    server {
        listen 127.0.0.1:$port backlog=4096$share;
        default_type text/plain;
        location / { return 200 "Hello, world\n"; }
    }
}
EOF
exec nginx -p "$TMPDIR" -e stderr -c "$TMPDIR/nginx.conf"
