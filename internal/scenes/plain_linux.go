package scenes

import (
	"fmt"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// The server's addresses of a pair.
const (
	server4 = "172.16.6.1"
	server6 = "fd00:6::1"
)

var plain = []Scene{
	{Name: "nobody-listens", Causes: []string{"refused"}, Make: toServer(server4, 9, nil)},
	{Name: "dropped-port", Causes: []string{"port-filtered"}, Undecided: []string{"timed-out"}, Make: toServer(server4, testhost.PortDropped, nil)},
	{Name: "rejected-by-reset", Causes: []string{"refused"}, Make: toServer(server4, testhost.PortReset, nil)},
	{Name: "prohibited-by-icmp", Causes: []string{"unreachable"}, Make: toServer(server4, testhost.PortProhibited, nil)},
}

// toServer is a connect to a walled server, once prepare has altered the hosts.
func toServer(addr string, port int, prepare func(*testhost.Pair)) func(testing.TB) Place {
	return func(t testing.TB) Place {
		p := testhost.NewPair(t)
		p.Server.Wall()
		p.Client.Sysctl("net.ipv4.tcp_syn_retries", "1")
		if prepare != nil {
			prepare(p)
		}
		return Place{Host: p.Client, Argv: python(t, connectTo, addr, fmt.Sprint(port))}
	}
}
