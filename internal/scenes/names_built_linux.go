package scenes

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// lookupsBuilt are lookups by resolvers that are compiled into programs.
var lookupsBuilt = []Scene{
	{
		Name: "name-by-go", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: built(goClient, testhost.NameServer, "9", atServer),
	},
	{
		Name: "long-answer-by-go", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameLong},
		Make: built(goClient, testhost.NameLong, "9", atServer),
	},
	{
		Name: "no-such-name-by-go", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing},
		Make: built(goClient, testhost.NameMissing, "80", atServer),
	},
	{
		Name: "resolver-silent-by-go", Causes: []string{"resolver-silent"}, Says: []string{"203.0.113.53"},
		Make: built(goClient, testhost.NameServer, "80", atNobody, "options timeout:2 attempts:2"),
	},
	{
		Name: "resolver-closed-by-go", Causes: []string{"resolver-refused"}, Says: []string{"127.0.0.1:53"},
		Make: built(goClient, testhost.NameServer, "80", atClosed),
	},
	{
		Name: "name-by-musl", Causes: []string{"refused"}, Says: []string{`"name":"` + testhost.NameServer},
		Make: built(muslClient, testhost.NameServer, "9", atServer),
	},
	{
		Name: "no-such-name-by-musl", Causes: []string{"name-not-found"}, Says: []string{testhost.NameMissing},
		Make: built(muslClient, testhost.NameMissing, "9", atServer),
	},
}

// built is a program that is built first, given a name and a port, beside a resolver.
func built(build func(testing.TB) string, name, port string, conf ...string) func(testing.TB) Place {
	return func(t testing.TB) Place { return beside(t, []string{build(t), name, port}, conf...) }
}

// goClient connects to the server's own address among those of a name, by Go's own resolver.
func goClient(t testing.TB) string {
	source := filepath.Join(t.TempDir(), "main.go")
	write(t, source, `package main

import (
	"net"
	"os"
	"strings"
)

func main() {
	addresses, err := net.LookupHost(os.Args[1])
	for _, a := range addresses {
		if strings.HasPrefix(a, "172.16.") {
			_, err = net.Dial("tcp", net.JoinHostPort(a, os.Args[2]))
		}
	}
	if err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
`)
	return compile(t, source, testhost.Need(t, "go", "golang"), "build", "-tags", "netgo", "-o")
}

// muslClient connects as a static program of Alpine's would.
func muslClient(t testing.TB) string {
	source := filepath.Join(t.TempDir(), "main.c")
	write(t, source, `#include <netdb.h>
#include <stdio.h>
#include <sys/socket.h>
int main(int argc, char **argv) {
	struct addrinfo hint = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET}, *a;
	int e = getaddrinfo(argv[1], argv[2], &hint, &a);
	if (e) { fprintf(stderr, "%s\n", gai_strerror(e)); return 1; }
	if (connect(socket(a->ai_family, a->ai_socktype, 0), a->ai_addr, a->ai_addrlen)) { perror("connect"); return 1; }
}
`)
	return compile(t, source, testhost.Need(t, "musl-gcc", "musl-tools"), "-static", "-o")
}

func write(t testing.TB, path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// compile runs a compiler whose last arguments are the program's path and its source.
func compile(t testing.TB, source, compiler string, args ...string) string {
	path := filepath.Join(filepath.Dir(source), "client")
	cmd := exec.Command(compiler, append(args, path, source)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", cmd.Args, err, out)
	}
	return path
}
