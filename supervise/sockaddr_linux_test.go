package supervise

import (
	"encoding/hex"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"
)

func TestSockaddr(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hex    string // little-endian, as on amd64 and arm64
		domain int
		want   string // "" where it is no address that can leave the machine
		bound  string // what a bind to it on a socket of the domain asks for
	}{
		{"IPv4", "0200 1f41 cb00710a 0000000000000000", unix.AF_INET, "203.0.113.10:8001", "203.0.113.10:8001"},
		{"IPv4, long", "0200 1f41 cb00710a 00000000000000000000000000000000", unix.AF_INET, "203.0.113.10:8001", "203.0.113.10:8001"},
		{"IPv4, short", "0200 1f41 cb00710a", unix.AF_INET, "", ""},
		{"IPv6", "0a00 0050 00000000 20010db8000000000000000000000001 00000000", unix.AF_INET6, "[2001:db8::1]:80", "[2001:db8::1]:80"},
		{"IPv6, RFC 2133", "0a00 0050 00000000 20010db8000000000000000000000001", unix.AF_INET6, "[2001:db8::1]:80", "[2001:db8::1]:80"},
		{"IPv6, short", "0a00 0050 00000000 20010db8", unix.AF_INET6, "", ""},
		{"link-local with scope", "0a00 0050 00000000 fe800000000000000000000000000001 03000000", unix.AF_INET6, "[fe80::1%3]:80", "[fe80::1%3]:80"},
		{"v4-mapped", "0a00 0050 00000000 00000000000000000000ffff7f000001 00000000", unix.AF_INET6, "[::ffff:127.0.0.1]:80", "[::ffff:127.0.0.1]:80"},
		{"unspecified family", "0000 0050 7f000001 0000000000000000", unix.AF_INET, "", "127.0.0.1:80"},
		{"unspecified family, IPv6 socket", "0000 0050 7f000001 0000000000000000", unix.AF_INET6, "", ""},
		{"unix", "0100 2f746d702f78", unix.AF_UNIX, "", ""},
		{"one byte", "02", unix.AF_INET, "", ""},
		{"nothing", "", unix.AF_INET, "", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := sockaddr(unhex(t, tt.hex))
			if got := text(a.addrPort()); got != tt.want {
				t.Errorf("address %q, want %q", got, tt.want)
			}
			if got := text(a.bindAddr(tt.domain)); got != tt.bound {
				t.Errorf("bind asks for %q, want %q", got, tt.bound)
			}
		})
	}
}

func text(ap netip.AddrPort) string {
	if !ap.IsValid() {
		return ""
	}
	return ap.String()
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	var digits []byte
	for i := range len(s) {
		if s[i] != ' ' {
			digits = append(digits, s[i])
		}
	}
	b, err := hex.DecodeString(string(digits))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What a program passes is anything at all; what is read as an address must come out the same when laid out again.
func FuzzSockaddr(f *testing.F) {
	f.Add([]byte{2, 0, 0x1f, 0x41, 203, 0, 113, 10, 0, 0, 0, 0, 0, 0, 0, 0})
	f.Add([]byte{10, 0, 0, 80, 0, 0, 0, 0, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 3, 0, 0, 0})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, b []byte) {
		a := sockaddr(b)
		got := a.addrPort()
		if !got.IsValid() {
			return
		}
		domain := unix.AF_INET
		if got.Addr().Is6() {
			domain = unix.AF_INET6
		}
		if again := sockaddrOf(got, domain).addrPort(); again != got {
			t.Errorf("%v became %v", got, again)
		}
	})
}
