package proxy

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// noProxyCases are items of no_proxy, and a URL: the web server on the server's second address, by that or by a name of it.
var noProxyCases = []struct{ list, url string }{
	{"example.test", "http://example.test/"},
	{"example.test", "http://sub.example.test/"},
	{"example.test", "http://notexample.test/"},
	{"EXAMPLE.TEST", "http://example.test/"},
	{"example.test.", "http://example.test/"},
	{".example.test", "http://example.test/"},
	{".example.test", "http://sub.example.test/"},
	{".example.test", "http://notexample.test/"},
	{"*.example.test", "http://example.test/"},
	{"*.example.test", "http://sub.example.test/"},
	{"*.example.test", "http://notexample.test/"},
	{".test", "http://example.test/"},
	{"172.16.6.0/24", "http://172.16.6.2/"},
	{"172.16.6.0/24", "http://example.test/"},
	{"172.16.6", "http://172.16.6.2/"},
	{"172.16.6.2", "http://172.16.6.2/"},
	{"172.16.6.2", "http://example.test/"},
	{"172.16.6.2:8080", "http://172.16.6.2:8080/"},
	{"172.16.6.2:8081", "http://172.16.6.2:8080/"},
	{"example.test:8080", "http://example.test:8080/"},
	{"example.test:8080", "http://sub.example.test:8080/"},
	{"example.test:8081", "http://example.test:8080/"},
	{"*", "http://example.test/"},
	{"other.test,example.test", "http://example.test/"},
	{"other.test, example.test", "http://example.test/"},
	{"other.test example.test", "http://example.test/"},
	{"other.test ,example.test", "http://example.test/"},
	{"example.test ,other.test", "http://example.test/"},
	{"other.test,*", "http://example.test/"},
	{"..example.test", "http://sub.example.test/"},
	{"Sub.Example.Test", "http://SUB.example.test/"},
	{"ple.test", "http://example.test/"},
	{"example.test.", "http://sub.example.test/"},
	{".example.test.", "http://example.test/"},
	{"example.test", "http://example.test:8080/"},
	{".example.test:8080", "http://sub.example.test:8080/"},
	{"*.example.test:8080", "http://sub.example.test:8080/"},
	{"http://example.test", "http://example.test/"},
	{"test", "http://example.test/"},
	{"16.6.2", "http://172.16.6.2/"},
	{"172.16.6.2/32", "http://172.16.6.2/"},
	{"172.16.6.3/24", "http://172.16.6.2/"},
	{"172.16.0.0/0", "http://172.16.6.2/"},
	{"172.16.6.*", "http://172.16.6.2/"},
	{"172.16.6.2", "http://172.16.6.2:8080/"},
	{"172.16.6.2:80", "http://172.16.6.2/"},
	{"fd00:6::2", "http://[fd00:6::2]/"},
	{"[fd00:6::2]", "http://[fd00:6::2]/"},
	{"fd00:6::/64", "http://[fd00:6::2]/"},
	{"fd00:6:0:0::2", "http://[fd00:6::2]/"},
	{"[fd00:6::2]:8080", "http://[fd00:6::2]:8080/"},
	{"[fd00:6::2]:8081", "http://[fd00:6::2]:8080/"},
	{"[fd00:6::2]", "http://[fd00:6::2]:8080/"},
	{"fd00:6::2", "http://[fd00:6::2]:8080/"},
}

// readerPrograms fetch each URL of their standard input with the list before it, and print a line for each.
var readerPrograms = map[Client]string{
	Curl:     `while read -r list url; do echo $(no_proxy=$(echo "$list" | tr ';' ' ') curl -sS "$url"); done`,
	Wget:     `while read -r list url; do echo $(no_proxy=$(echo "$list" | tr ';' ' ') wget -qO- --tries=1 "$url"); done`,
	Go:       `while read -r list url; do echo $(no_proxy=$(echo "$list" | tr ';' ' ') SALLYPORT_TEST_GET="$url" "$0" -test.run '^TestNoProxyGo$'); done`,
	Urllib:   python(`urllib.request.urlopen(url).read().decode()`),
	Requests: python(`requests.get(url).text`),
}

func python(get string) string {
	imports := "os, sys, urllib.request"
	if strings.HasPrefix(get, "requests") {
		imports += ", requests"
	}
	return `exec /usr/bin/python3 -c '
import ` + imports + `
for line in sys.stdin:
    os.environ["no_proxy"], url = line.replace(";", " ").rsplit(None, 1)
    print(` + get + `.strip())
'`
}

// TestNoProxyGo is the Go client of TestNoProxy, in a process of its own.
func TestNoProxyGo(t *testing.T) {
	u := os.Getenv("SALLYPORT_TEST_GET")
	if u == "" {
		t.Skip("needs SALLYPORT_TEST_GET, which TestNoProxy sets")
	}
	r, err := http.Get(u)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	_, _ = io.Copy(os.Stdout, r.Body)
	os.Exit(0)
}

const answersAs = `
import http.server, socket, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[2].encode())
class Both(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
Both(("::", int(sys.argv[1])), Answers).serve_forever()
`

// TestNoProxy holds how we say that clients read no_proxy against how they do.
func TestNoProxy(t *testing.T) {
	for _, program := range []string{"curl", "wget", "unshare"} {
		testhost.Need(t, program, program)
	}
	testhost.NeedFile(t, "/usr/lib/python3/dist-packages/requests/api.py", "python3-requests")
	p := testhost.NewPair(t)
	testhost.Python(p.Server, 80, answersAs, "80", "directly")
	testhost.Python(p.Server, 8080, answersAs, "8080", "directly")
	testhost.Python(p.Server, testhost.PortProxy, answersAs, fmt.Sprint(testhost.PortProxy), "proxied")
	hosts := t.TempDir() + "/hosts"
	if err := os.WriteFile(hosts, []byte("172.16.6.2 example.test sub.example.test notexample.test\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	var input strings.Builder
	for _, c := range noProxyCases {
		fmt.Fprintf(&input, "%s %s\n", strings.ReplaceAll(c.list, " ", ";"), c.url)
	}
	for r, script := range readerPrograms {
		t.Run(r.String(), func(t *testing.T) {
			t.Parallel()
			got := p.Client.With(t).Run(2*time.Minute, input.String(), "env", "-u", "NO_PROXY", "-u", "HTTP_PROXY", "http_proxy=http://172.16.6.1:3128",
				"unshare", "--mount", "--propagation", "private", "sh", "-c", `mount --bind "$1" /etc/hosts && eval "$2"`, os.Args[0], hosts, script)
			lines := strings.Split(strings.TrimSpace(got.Stdout), "\n")
			if len(lines) != len(noProxyCases) {
				t.Fatalf("%d answers, want %d\n%s\n%s", len(lines), len(noProxyCases), got.Stdout, got.Stderr)
			}
			for i, c := range noProxyCases {
				u, err := url.Parse(c.url)
				if err != nil {
					t.Fatal(err)
				}
				port := uint16(80)
				if u.Port() != "" {
					port = 8080
				}
				want := "proxied"
				if r.Exempting(c.list, URL{Scheme: "http", Host: u.Hostname(), Port: port}) != "" {
					want = "directly"
				}
				if lines[i] != want {
					t.Errorf("no_proxy=%q %s: it goes %q, and we say %q", c.list, c.url, lines[i], want)
				}
			}
		})
	}
}
