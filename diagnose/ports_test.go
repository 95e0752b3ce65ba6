package diagnose

import (
	"net/netip"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

func TestParsePortSet(t *testing.T) {
	got := parsePortSet("8080,9148-9150")
	if len(got) != 4 || !got[8080] || !got[9148] || !got[9149] || !got[9150] {
		t.Errorf("got %v", got)
	}
	if got := parsePortSet(""); len(got) != 0 {
		t.Errorf("of nothing: got %v", got)
	}
}

func TestCountPorts(t *testing.T) {
	to := netip.MustParseAddrPort("192.0.2.1:443")
	socket := func(local, remote string) tcpSocket {
		return tcpSocket{local: netip.MustParseAddrPort(local), remote: netip.MustParseAddrPort(remote)}
	}
	u := portUse{low: 40000, high: 40003}
	u.count([]tcpSocket{
		socket("10.0.0.1:40000", "192.0.2.1:443"),
		socket("10.0.0.2:40000", "192.0.2.1:443"), // the same port, from another address
		socket("10.0.0.2:40001", "192.0.2.1:443"),
		socket("10.0.0.1:40002", "192.0.2.2:443"), // to another destination
		socket("10.0.0.1:40003", "192.0.2.1:443"), // on a reserved port
		socket("10.0.0.1:50000", "192.0.2.1:443"), // outside the range
	}, map[int]bool{40003: true}, attempt.Result{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: to}}, nil)
	if !u.known || u.usable != 3 || u.used != 3 || u.toward != 2 {
		t.Errorf("got %+v\nwant 3 usable, 3 used, 2 toward", u)
	}
	if !u.all(u.used) || u.all(u.toward) {
		t.Errorf("all: used %v, toward %v", u.all(u.used), u.all(u.toward))
	}
}
