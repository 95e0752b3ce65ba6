package supervise

import (
	"encoding/binary"
	"net/netip"
	"testing"

	"golang.org/x/net/bpf"
)

// tcpPacket is an IP packet with a TCP segment.
func tcpPacket(from, to netip.AddrPort, protocol byte, options int, data string) []byte {
	tcp := binary.BigEndian.AppendUint16(nil, from.Port())
	tcp = binary.BigEndian.AppendUint16(tcp, to.Port())
	tcp = binary.BigEndian.AppendUint32(tcp, 77)
	tcp = append(tcp, 0, 0, 0, 0, byte(5+options/4)<<4, 0x18, 0, 0, 0, 0, 0, 0)
	tcp = append(append(tcp, make([]byte, options)...), data...)
	var ip []byte
	if from.Addr().Is4() {
		ip = append([]byte{0x45, 0}, binary.BigEndian.AppendUint16(nil, uint16(20+len(tcp)))...)
		ip = append(ip, 0, 0, 0x40, 0, 64, protocol, 0, 0)
	} else {
		ip = append([]byte{0x60, 0, 0, 0}, binary.BigEndian.AppendUint16(nil, uint16(len(tcp)))...)
		ip = append(ip, protocol, 64)
	}
	ip = append(append(ip, from.Addr().AsSlice()...), to.Addr().AsSlice()...)
	return append(ip, tcp...)
}

func TestFirstWords(t *testing.T) {
	const tcp, udp = 6, 17
	for _, hosts := range [][3]string{{"10.0.0.1", "10.0.0.2", "10.0.0.3"}, {"2001:db8::1", "2001:db8:0:1::1", "2001:db8::2"}} {
		proxy := netip.AddrPortFrom(netip.MustParseAddr(hosts[0]), 3128)
		client := netip.AddrPortFrom(netip.MustParseAddr(hosts[1]), 40000)
		other := netip.AddrPortFrom(netip.MustParseAddr(hosts[2]), 3128)
		filter := firstWords(proxy)
		var program []bpf.Instruction
		for _, f := range filter {
			program = append(program, bpf.RawInstruction{Op: f.Code, Jt: f.Jt, Jf: f.Jf, K: f.K}.Disassemble())
		}
		vm, err := bpf.NewVM(program)
		if err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name     string
			from, to netip.AddrPort
			protocol byte
			options  int
			data     string
			want     bool
		}{
			{"a request", client, proxy, tcp, 12, "CONNECT a:1 HTTP/1.1\r\n", true},
			{"an answer", proxy, client, tcp, 0, "HTTP/1.1 200 OK\r\n", true},
			{"socks", client, proxy, tcp, 12, "\x05\x01\x00", true},
			{"a password", client, proxy, tcp, 12, "\x01\x01u\x01p", true},
			{"a TLS record", client, proxy, tcp, 12, "\x16\x03\x01", false},
			{"a body", proxy, client, tcp, 12, "lower", false},
			{"no data", client, proxy, tcp, 12, "", false},
			{"another host's", client, other, tcp, 12, "GET /", false},
			{"from another host", other, client, tcp, 12, "HTTP/1.1", false},
			{"another port", client, netip.AddrPortFrom(proxy.Addr(), 3129), tcp, 12, "GET /", false},
			{"the proxy as a client", netip.AddrPortFrom(proxy.Addr(), 40001), other, tcp, 12, "GET /", false},
			{"no TCP", client, proxy, udp, 12, "GET /", false},
		} {
			b := tcpPacket(tt.from, tt.to, tt.protocol, tt.options, tt.data)
			n, err := vm.Run(b)
			if err != nil || n > 0 != tt.want {
				t.Errorf("%v, %s: passes %d bytes, %v; want %v", proxy, tt.name, n, err, tt.want)
			}
			s, ok := segmentOf(b)
			if ok != (tt.data != "") || ok && (s.from != tt.from || s.to != tt.to || s.seq != 77 || string(s.data) != tt.data) {
				t.Errorf("%v, %s: read as %+v, %v", proxy, tt.name, s, ok)
			}
		}
	}
}

func FuzzSegmentOf(f *testing.F) {
	f.Add(tcpPacket(netip.MustParseAddrPort("10.0.0.1:1"), netip.MustParseAddrPort("10.0.0.2:2"), 6, 12, "GET /"))
	f.Add(tcpPacket(netip.MustParseAddrPort("[2001:db8::1]:1"), netip.MustParseAddrPort("[2001:db8::2]:2"), 6, 0, "GET /"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := segmentOf(b); ok && len(s.data) == 0 {
			t.Error("a segment without data")
		}
	})
}
