package test

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// source is what a client asks to send from.
type source int

const (
	none           source = iota
	anyAddress            // the wildcard address
	anyAddressPort        // the wildcard address and a port
	given                 // the host's second address, which the kernel would not choose
	givenPort             // that, and a port
)

// sourcePort is the port that clients with one of their own ask for.
const sourcePort = 4242

// client is a real program that makes one connection.
type client struct {
	name   string
	source source
	v6     bool
	argv   func(t testing.TB, l *lab) []string // skips where the program is missing
	stdin  string
	want   string // in its output, once connected
	// How it ends when its bind is denied with EACCES.
	deniedStatus int
	deniedSays   string
}

// lab is the hosts and servers that all clients use.
type lab struct {
	*testhost.Pair
	ssh *testhost.SSH
}

// Addresses, as clients are given them.
const (
	server4, server6 = "172.16.6.1", "fd00:6::1"
	source4, source6 = "172.16.6.171", "fd00:6::171"
	page4, page6     = "http://172.16.6.1/", "http://[fd00:6::1]/"
)

const getRequest = "GET / HTTP/1.0\r\n\r\n"

// program makes the argv of a command in PATH.
func program(name, pkg string, args ...string) func(testing.TB, *lab) []string {
	return func(t testing.TB, _ *lab) []string {
		return append([]string{testhost.Need(t, name, pkg)}, args...)
	}
}

// script makes the argv of a script in testdata.
func script(interpreter, pkg, file string, args ...string) func(testing.TB, *lab) []string {
	return func(t testing.TB, _ *lab) []string {
		return append([]string{testhost.Need(t, interpreter, pkg), testdata(t, file)}, args...)
	}
}

// curl's own view of its address comes after the page.
func curl(args ...string) func(testing.TB, *lab) []string {
	return program("curl", "curl", append([]string{"-sS", "--max-time", "20", "-w", "local %{local_ip} %{local_port}\n"}, args...)...)
}

func wget(args ...string) func(testing.TB, *lab) []string {
	return program("wget", "wget", append([]string{"-nv", "-O", "-", "--tries=1", "--timeout=20"}, args...)...)
}

func nc(args ...string) func(testing.TB, *lab) []string {
	return program("nc.openbsd", "netcat-openbsd", append(args, server4, "80")...)
}

func ssh(args ...string) func(testing.TB, *lab) []string {
	return func(t testing.TB, l *lab) []string {
		testhost.Need(t, "sshd", "openssh-server")
		testhost.Need(t, "ssh-keygen", "openssh-client")
		argv := []string{
			testhost.Need(t, "ssh", "openssh-client"), "-F", "none", "-i", l.ssh.Key, "-o", "IdentityAgent=none",
			"-o", "BatchMode=yes", "-o", "ConnectTimeout=20", "-o", "GlobalKnownHostsFile=" + l.ssh.KnownHosts, "-o", "UserKnownHostsFile=none",
		}
		return append(append(argv, args...), "root@"+server4)
	}
}

func bot(t testing.TB, _ *lab) []string {
	testhost.Need(t, "inspircd", "inspircd")
	testhost.NeedFile(t, "/usr/lib/python3/dist-packages/irc/connection.py", "python3-irc")
	return []string{"/usr/bin/python3", testdata(t, "bot.py"), server4, fmt.Sprint(testhost.PortIRC)}
}

func asyncio(args ...string) func(testing.TB, *lab) []string {
	return script("/usr/bin/python3", "python3", "asyncio_connect.py", append([]string{server4, "80"}, args...)...)
}

func node(args ...string) func(testing.TB, *lab) []string {
	return script("node", "nodejs", "connect.js", append([]string{server4, "80"}, args...)...)
}

func java(args ...string) func(testing.TB, *lab) []string {
	return script("java", "default-jdk-headless", "Connect.java", append([]string{server4, "80"}, args...)...)
}

func dialer(args ...string) func(testing.TB, *lab) []string {
	return func(t testing.TB, _ *lab) []string { return append([]string{build(t, "./testdata/dialer")}, args...) }
}
