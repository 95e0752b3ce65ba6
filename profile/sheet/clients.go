package sheet

import (
	"fmt"
	"net/netip"
)

// clients are right clients for one destination: a name or address, and a port. They set a time limit, since silence is one of the answers, and they don't
// bind.
func clients(host string, port uint16) []Client {
	return []Client{
		{"Python", fmt.Sprintf("import socket\ns = socket.create_connection((%q, %d), timeout=10)", host, port), "source_address=, s.bind()"},
		{"Go", fmt.Sprintf("d := net.Dialer{Timeout: 10 * time.Second}\nc, err := d.Dial(\"tcp\", %q)", join(host, port)), "Dialer.LocalAddr"},
		{"Java", fmt.Sprintf("Socket s = new Socket();\ns.connect(new InetSocketAddress(%q, %d), 10_000);", host, port), "s.bind(), localAddr"},
		{"Node", fmt.Sprintf("const s = net.connect({host: %q, port: %d});\ns.setTimeout(10000, () => s.destroy());", host, port), "localAddress, localPort"},
		{"curl", fmt.Sprintf("curl --connect-timeout 10 -v telnet://%s", join(host, port)), "--interface, --local-port"},
	}
}

// join is host:port, with brackets around an IPv6 address.
func join(host string, port uint16) string {
	if a, err := netip.ParseAddr(host); err == nil {
		return netip.AddrPortFrom(a, port).String()
	}
	return fmt.Sprintf("%s:%d", host, port)
}
