#!/bin/sh
# example_fetch.sh - examples/fetch.c loads files from nginx, tells what fails, leaves no half file.
#
#   example_fetch.sh BUILD_DIR SOURCE_DIR
#
# SPDX-License-Identifier: MIT
. "$2/tests/serving.inc"
[ -x "$examples/fetch" ] || { echo "no examples/fetch"; exit 77; }
export PATH="$PATH:/usr/sbin"
needs nginx curl python3 openssl

mkdir "$tmp/web" "$tmp/here"
head -c 5000000 /dev/urandom > "$tmp/web/large"
for i in 1 2 3 4 5 6 7 8; do
    head -c $((i * 1000)) /dev/urandom > "$tmp/web/small$i"
done
: > "$tmp/web/empty"
. "$2/tests/host.inc"
ports=$(free_ports 2)
port=${ports% *} tls_port=${ports#* }
openssl req -x509 -newkey rsa:2048 -nodes -keyout "$tmp/key.pem" -out "$tmp/cert.pem" -days 2 \
    -subj /CN=localhost -addext "subjectAltName=IP:$host" 2> "$tmp/openssl.log" ||
    { cat "$tmp/openssl.log"; exit 1; }
tls=
if nginx -V 2>&1 | grep -q http_ssl_module; then
    tls="listen $host:$tls_port ssl;
        ssl_certificate $tmp/cert.pem;
        ssl_certificate_key $tmp/key.pem;"
fi
cat > "$tmp/nginx.conf" <<END
daemon off;
master_process off;
pid $tmp/nginx.pid;
error_log $tmp/nginx.log;
events {}
http {
    access_log off;
    client_body_temp_path $tmp;
    proxy_temp_path $tmp;
    fastcgi_temp_path $tmp;
    uwsgi_temp_path $tmp;
    scgi_temp_path $tmp;
    server {
        listen $host:$port;
        $tls
        root $tmp/web;
        location /slow/ { alias $tmp/web/; limit_rate 100k; }
        location /moved { return 302 /small1; }
    }
}
END
keep nginx -e "$tmp/nginx.log" -c "$tmp/nginx.conf"
io=nginx
await curl -s "http://$host:$port/empty"

web=http://$host:$port
cd "$tmp/here"
for io in $(backends); do
    export WEFT_IO=$io
    "$examples/fetch" $web/large $web/small1 $web/small2 $web/small3 $web/small4 $web/small5 \
        $web/small6 $web/small7 $web/small8 $web/empty $web/moved > "$tmp/said"
    for name in large small1 small2 small3 small4 small5 small6 small7 small8 empty; do
        cmp "$name" "$tmp/web/$name"
        grep -qx "$name: $(wc -c < "$name") bytes" "$tmp/said"
    done
    cmp moved "$tmp/web/small1"
    rm -f -- *

    # One fails, one is there already, the others come.
    : > small3
    status=0
    "$examples/fetch" $web/none $web/small2 $web/small3 http://127.0.0.1:1/ > "$tmp/said" ||
        status=$?
    expect $status 1
    sed 's/: E[A-Z]*: .*/: no/' "$tmp/said" > "$tmp/short"
    diff "$tmp/short" - <<END
none: 404 Not Found
small2: 2000 bytes
small3: no
index.html: no
END
    rm -f -- *

    # Over TLS, from whom the system trusts alone.
    if [ "$tls" ]; then
        status=0
        "$examples/fetch" https://$host:$tls_port/small2 > "$tmp/said" || status=$?
        expect $status 1
        grep -q '^small2: .*certificate' "$tmp/said"
        expect "$(ls)" ''
        SSL_CERT_FILE=$tmp/cert.pem "$examples/fetch" $web/small1 \
            https://$host:$tls_port/large https://$host:$tls_port/small2 > "$tmp/said"
        cmp small1 "$tmp/web/small1"
        cmp small2 "$tmp/web/small2"
        cmp large "$tmp/web/large"
        rm -f -- *
    fi

    # Too late: nothing is left.  (On a machine with much to do the small one may be late, too.)
    status=0
    "$examples/fetch" -s 0.5 $web/slow/large $web/small1 > "$tmp/said" || status=$?
    expect $status 1
    grep -q '^large: ECANCELED' "$tmp/said"
    grep -q '^small1: \(1000 bytes$\|ECANCELED\)' "$tmp/said"
    expect "$(ls)" "$(sed -n 's/^\(small1\): 1000 bytes$/\1/p' "$tmp/said")"
    [ ! -e small1 ] || cmp small1 "$tmp/web/small1"
    rm -f -- *

    # On a terminal: bars, which are full at the end.
    python3 -c 'import pty, sys
sys.exit(pty.spawn(sys.argv[1:]) != 0)' "$examples/fetch" $web/large > "$tmp/said" < /dev/null
    grep -q 'large  *\[##############################\] 4882 KB' "$tmp/said"
    rm -f -- *
done
