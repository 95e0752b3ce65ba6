package proxy

import (
	"fmt"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// chooseCases are environments. A proxy of each variable answers with the variable's name.
var chooseCases = []map[string]string{
	{},
	{"http_proxy": "http_proxy"},
	{"HTTP_PROXY": "HTTP_PROXY"},
	{"http_proxy": "http_proxy", "HTTP_PROXY": "HTTP_PROXY"},
	{"http_proxy": "", "HTTP_PROXY": "HTTP_PROXY"},
	{"https_proxy": "https_proxy"},
	{"all_proxy": "all_proxy"},
	{"ALL_PROXY": "ALL_PROXY"},
	{"all_proxy": "all_proxy", "http_proxy": "http_proxy"},
	{"http_proxy": "http_proxy", "no_proxy": "172.16.6.2"},
	{"http_proxy": "http_proxy", "NO_PROXY": "172.16.6.2"},
	{"http_proxy": "http_proxy", "no_proxy": "other.test", "NO_PROXY": "172.16.6.2"},
	{"http_proxy": "http_proxy", "no_proxy": "172.16.6.2", "NO_PROXY": "other.test"},
	{"http_proxy": "http_proxy", "no_proxy": "", "NO_PROXY": "172.16.6.2"},
	{"http_proxy": "http_proxy", "REQUEST_METHOD": "GET"},
	{"HTTP_PROXY": "HTTP_PROXY", "REQUEST_METHOD": "GET"},
	{"http_proxy": "http_proxy", "HTTP_PROXY": "HTTP_PROXY", "REQUEST_METHOD": "GET"},
}

// proxyPorts are where the proxy of each variable listens.
var proxyPorts = map[string]int{"http_proxy": 3001, "HTTP_PROXY": 3002, "https_proxy": 3003, "all_proxy": 3004, "ALL_PROXY": 3005}

// TestChoose holds which variable we say that clients read against which they do, each spelling with a proxy of its own.
func TestChoose(t *testing.T) {
	for _, program := range []string{"curl", "wget"} {
		testhost.Need(t, program, program)
	}
	testhost.NeedFile(t, "/usr/lib/python3/dist-packages/requests/api.py", "python3-requests")
	p := testhost.NewPair(t)
	testhost.Python(p.Server, 80, answersAs, "80", "directly")
	for name, port := range proxyPorts {
		testhost.Python(p.Server, uint16(port), answersAs, fmt.Sprint(port), name)
	}
	const url = "http://172.16.6.2/"
	programs := map[Client][]string{
		Curl:     {"curl", "-sS", url},
		Wget:     {"wget", "-qO-", "--tries=1", url},
		Urllib:   {"/usr/bin/python3", "-c", "import urllib.request; print(urllib.request.urlopen('" + url + "').read().decode())"},
		Requests: {"/usr/bin/python3", "-c", "import requests; print(requests.get('" + url + "').text)"},
		Go:       {os.Args[0], "-test.run", "^TestNoProxyGo$"},
	}
	var bare []string // without what this test's own environment has
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		if !strings.HasSuffix(strings.ToLower(name), "_proxy") && name != "REQUEST_METHOD" {
			bare = append(bare, entry)
		}
	}
	for i, c := range chooseCases {
		env := maps.Clone(c)
		cmdEnv := append(bare, "SALLYPORT_TEST_GET="+url)
		for name, value := range env {
			if port := proxyPorts[name]; port != 0 && value != "" {
				env[name] = fmt.Sprintf("http://172.16.6.1:%d", port)
			}
			cmdEnv = append(cmdEnv, name+"="+env[name])
		}
		for client, argv := range programs {
			cmd := exec.Command(argv[0], argv[1:]...)
			cmd.Env = cmdEnv
			var out strings.Builder
			cmd.Stdout = &out
			if err := p.Client.Start(cmd); err != nil {
				t.Fatal(err)
			}
			err := cmd.Wait()
			got := strings.TrimSpace(out.String())
			if err != nil {
				got = "refuses"
			}
			x := client.Choose(env, URL{Scheme: "http", Host: "172.16.6.2", Port: 80})
			want := x.Variable
			switch {
			case strings.HasPrefix(x.Why, "refuses"):
				want = "refuses"
			case x.Direct():
				want = "directly"
			}
			if got != want {
				t.Errorf("%d %v: %v goes %q, and we say %q", i, c, client, got, want)
			}
		}
	}
}

func TestChooseHTTPS(t *testing.T) {
	for _, c := range []struct {
		client Client
		env    map[string]string
		want   string
	}{
		{Wget, map[string]string{"HTTPS_PROXY": "http://p:1"}, "wget: reads https_proxy in lower case alone"},
		{Wget, map[string]string{"https_proxy": "socks5://p:1"}, "wget: knows no SOCKS"},
		{Urllib, map[string]string{"all_proxy": "socks5://p:1"}, "Python's urllib: knows no all_proxy"},
		{Node, map[string]string{"https_proxy": "http://p:1"}, "Node: reads the proxy variables with NODE_USE_ENV_PROXY=1 alone (22.21, 24.5)"},
		{Node, map[string]string{"https_proxy": "http://p:1", "NODE_USE_ENV_PROXY": "1"}, "Node: "},
		{Curl, map[string]string{"HTTPS_PROXY": "http://p:1"}, "curl: "},
	} {
		x := c.client.Choose(c.env, URL{Scheme: "https", Host: "api.example", Port: 443})
		if got := fmt.Sprintf("%v: %s", c.client, x.Why); got != c.want || x.Why == "" && x.Direct() {
			t.Errorf("%v: %q, %+v, want %q", c.env, got, x, c.want)
		}
	}
}
