package diagnose

import (
	"net/netip"
	"testing"
)

func TestListenerTakes(t *testing.T) {
	for _, tt := range []struct {
		l    listener
		to   string
		want bool
	}{
		{listener{at: netip.MustParseAddrPort("127.0.0.1:80")}, "127.0.0.1:80", true},
		{listener{at: netip.MustParseAddrPort("127.0.0.1:80")}, "[::ffff:127.0.0.1]:80", true},
		{listener{at: netip.MustParseAddrPort("127.0.0.1:80")}, "127.0.0.1:81", false},
		{listener{at: netip.MustParseAddrPort("127.0.0.1:80")}, "127.0.0.2:80", false},
		{listener{at: netip.MustParseAddrPort("0.0.0.0:80")}, "127.0.0.2:80", true},
		{listener{at: netip.MustParseAddrPort("0.0.0.0:80")}, "[::1]:80", false},
		{listener{at: netip.MustParseAddrPort("[::]:80")}, "[::1]:80", true},
		{listener{at: netip.MustParseAddrPort("[::]:80")}, "127.0.0.1:80", true},
		{listener{at: netip.MustParseAddrPort("[::]:80"), v6only: true}, "127.0.0.1:80", false},
		{listener{at: netip.MustParseAddrPort("[fe80::1]:80")}, "[fe80::1%2]:80", true},
		{listener{at: netip.MustParseAddrPort("0.0.0.0:80"), device: 2}, "10.0.0.1:80", false},
	} {
		if got := tt.l.takes(netip.MustParseAddrPort(tt.to)); got != tt.want {
			t.Errorf("%+v takes %s: %v, want %v", tt.l, tt.to, got, tt.want)
		}
	}
}
