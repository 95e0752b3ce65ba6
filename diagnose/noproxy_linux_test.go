package diagnose

import (
	"fmt"
	"io"
	"net/http"
	"net/netip"
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
}

// readerPrograms fetch each URL of their standard input with the list before it, and print a line for each.
var readerPrograms = map[reader]string{
	readsCurl:     `while read -r list url; do echo $(no_proxy=$(echo "$list" | tr ';' ' ') curl -sS "$url"); done`,
	readsWget:     `while read -r list url; do echo $(no_proxy=$(echo "$list" | tr ';' ' ') wget -qO- --tries=1 "$url"); done`,
	readsGo:       `while read -r list url; do echo $(no_proxy=$(echo "$list" | tr ';' ' ') SALLYPORT_TEST_GET="$url" "$0" -test.run '^TestNoProxyGo$'); done`,
	readsUrllib:   python(`urllib.request.urlopen(url).read().decode()`),
	readsRequests: python(`requests.get(url).text`),
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
import http.server, sys
class Answers(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(sys.argv[2].encode())
http.server.ThreadingHTTPServer(("", int(sys.argv[1])), Answers).serve_forever()
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
		t.Run(fmt.Sprint([]string{"curl", "wget", "urllib", "requests", "go"}[r]), func(t *testing.T) {
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
				if r.exempting(c.list, u.Hostname(), port) != "" {
					want = "directly"
				}
				if lines[i] != want {
					t.Errorf("no_proxy=%q %s: it goes %q, and we say %q", c.list, c.url, lines[i], want)
				}
			}
		})
	}
}

// TestHeedsIPv6 is about items that the clients are not tried with.
func TestHeedsIPv6(t *testing.T) {
	for item, want := range map[string]bool{"2001:db8::/32": true, "[2001:db8::1]:443": true, "[2001:db8::1]:80": false, "2001:db8::1": true, "2001:db8::2": false} {
		if got := readsGo.heeds(item, netip.MustParseAddr("2001:db8::1").String(), 443); got != want {
			t.Errorf("%s: %v, want %v", item, got, want)
		}
	}
}
