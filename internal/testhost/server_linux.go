package testhost

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tempDir is a temporary directory of the test that other users can enter: servers drop root's rights.
func tempDir(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	for _, d := range []string{filepath.Dir(dir), dir} {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// writeFile writes lines to a file in dir and returns its path.
func writeFile(t testing.TB, dir, name string, perm os.FileMode, lines ...string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), perm); err != nil {
		t.Fatal(err)
	}
	return path
}

// PortHTTP is where Nginx and HTTPServer listen.
const PortHTTP = 80

// Nginx starts nginx on PortHTTP, both families, with its master and one worker as www-data. It answers every GET with
// "peer ADDRESS PORT\n": the client's address as the server saw it. under, here and for the other servers, is the
// command line that runs the server: sallyport and its arguments, or nothing.
func Nginx(h *Host, under ...string) *Server {
	h.t.Helper()
	bin := Need(h.t, "nginx", "nginx-light")
	dir := tempDir(h.t)
	conf := writeFile(h.t, dir, "nginx.conf", 0o644,
		"daemon off; user www-data; worker_processes 1;",
		"pid "+dir+"/pid; error_log stderr notice;",
		"events { worker_connections 64; }",
		"http {",
		"  access_log off;",
		"  client_body_temp_path "+dir+"/body; proxy_temp_path "+dir+"/proxy; fastcgi_temp_path "+dir+"/fastcgi;",
		"  uwsgi_temp_path "+dir+"/uwsgi; scgi_temp_path "+dir+"/scgi;",
		fmt.Sprintf("  server { listen %d; listen [::]:%d; default_type text/plain;", PortHTTP, PortHTTP),
		`    location / { return 200 "peer $remote_addr $remote_port\n"; } }`,
		"}")
	s := h.serve(under, bin, "-p", dir, "-e", "stderr", "-c", conf)
	h.AwaitListen(s, PortHTTP)
	return s
}

// HTTPServer starts Python's http.server on PortHTTP; it serves one file, "/hello", which says "hello\n".
func HTTPServer(h *Host, under ...string) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/bin/python3", "python3")
	dir := tempDir(h.t)
	writeFile(h.t, dir, "hello", 0o644, "hello")
	s := h.serve(under, "/usr/bin/python3", "-u", "-m", "http.server", "-d", dir, fmt.Sprint(PortHTTP))
	h.AwaitListen(s, PortHTTP)
	return s
}

// HTTPServer4 is HTTPServer on IPv4 alone.
func HTTPServer4(h *Host, under ...string) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/bin/python3", "python3")
	s := h.serve(under, "/usr/bin/python3", "-u", "-m", "http.server", "-b", "0.0.0.0", "-d", tempDir(h.t), fmt.Sprint(PortHTTP))
	h.AwaitListen(s, PortHTTP)
	return s
}
