package diagnose

import (
	"net/netip"
	"slices"
	"testing"
)

func TestRoutes(t *testing.T) {
	const head = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
	for _, tt := range []struct {
		name       string
		got        func() (Answer, Answer)
		def, other Answer
	}{
		{"v4 none", func() (Answer, Answer) { return routes4(head) }, No, No},
		{"v4 link", func() (Answer, Answer) {
			return routes4(head + "eth0\t0009000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n")
		}, No, Yes},
		{"v4 default", func() (Answer, Answer) {
			return routes4(head + "eth0\t00000000\t0100000A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n")
		}, Yes, Yes},
		{"v4 reject", func() (Answer, Answer) {
			return routes4(head + "*\t00000000\t00000000\t0201\t0\t0\t0\t00000000\t0\t0\t0\n")
		}, No, No},
		{"v6 none", func() (Answer, Answer) {
			return routes6("00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n" +
				"fe800000000000000000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001     eth0\n")
		}, No, No},
		{"v6 default", func() (Answer, Answer) {
			return routes6("00000000000000000000000000000000 00 00000000000000000000000000000000 00 fd000000000000000000000000000001 00000400 00000002 00000000 00000003     eth0\n")
		}, Yes, Yes},
		{"v6 prohibit", func() (Answer, Answer) {
			return routes6("20010db8007700010000000000000000 40 00000000000000000000000000000000 00 00000000000000000000000000000000 00000400 00000003 00000000 00200200       lo\n")
		}, No, No},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if def, other := tt.got(); def != tt.def || other != tt.other {
				t.Errorf("got default %v, any %v, want %v, %v", def, other, tt.def, tt.other)
			}
		})
	}
}

func TestReadFacts(t *testing.T) {
	f := ReadFacts()
	if f.UnprivilegedMin < 0 || f.CapBindService == Unknown {
		t.Errorf("not read: %+v", f)
	}
	if !slices.ContainsFunc(f.Addresses, func(a Address) bool { return a.Addr == netip.MustParseAddr("127.0.0.1") }) {
		t.Errorf("addresses %v lack 127.0.0.1", f.Addresses)
	}
}
