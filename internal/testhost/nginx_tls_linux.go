package testhost

import (
	"fmt"
	"time"
)

// soonEnough is until when a certificate is valid that lasts for a test.
func soonEnough() time.Time { return time.Now().Add(90 * 24 * time.Hour) }

// PortH2C is where NginxTLS speaks HTTP/2 without TLS.
const PortH2C = 8080

// NginxTLS starts nginx on PortTLS for HTTP/1.1 and HTTP/2, on PortH2C and on PortHTTP, with a certificate of a's for these names.
func NginxTLS(h *Host, a *Authority, names ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "nginx", "nginx-light")
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	conf := writeFile(h.t, dir, "nginx.conf", 0o644,
		"daemon off; user www-data; worker_processes 1;",
		"pid "+dir+"/pid; error_log stderr notice;",
		"events { worker_connections 256; }",
		"http {",
		"  access_log off;",
		"  client_body_temp_path "+dir+"/body; proxy_temp_path "+dir+"/proxy; fastcgi_temp_path "+dir+"/fastcgi;",
		"  uwsgi_temp_path "+dir+"/uwsgi; scgi_temp_path "+dir+"/scgi;",
		fmt.Sprintf("  server { listen %d ssl http2; listen %d http2; listen %d; default_type text/plain;", PortTLS, PortH2C, PortHTTP),
		"    ssl_certificate "+dir+"/cert.pem; ssl_certificate_key "+dir+"/key.pem; ssl_protocols TLSv1.2 TLSv1.3;",
		`    location / { return 200 "hello\n"; } }`,
		"}")
	s := h.serve(nil, bin, "-p", dir, "-e", "stderr", "-c", conf)
	h.AwaitListen(s, PortTLS, PortH2C, PortHTTP)
	return s
}

// front takes TLS off connections, and passes what is inside on to a port of 127.0.0.1.
const front = `
import socket, ssl, sys, threading
port, to, cert, key = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(cert, key)
def pump(a, b):
    try:
        while True:
            d = a.recv(4096)
            if not d: break
            b.sendall(d)
    except OSError: pass
    finally:
        for s in (a, b):
            try: s.shutdown(socket.SHUT_RDWR)
            except OSError: pass
def serve(c):
    try: c = context.wrap_socket(c, server_side=True)
    except OSError: return
    s = socket.create_connection(("127.0.0.1", to))
    threading.Thread(target=pump, args=(s, c), daemon=True).start()
    pump(c, s)
l = socket.create_server(("0.0.0.0", port))
while True: threading.Thread(target=serve, args=(l.accept()[0],), daemon=True).start()
`

// TLSFront stands on port before the server on another, with a certificate of a's for these names.
func TLSFront(h *Host, a *Authority, port, to uint16, names ...string) *Server {
	h.t.Helper()
	dir := tempDir(h.t)
	a.issue(h.t, dir, soonEnough(), names...)
	return Python(h, port, front, fmt.Sprint(port), fmt.Sprint(to), dir+"/cert.pem", dir+"/key.pem")
}
