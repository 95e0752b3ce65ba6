package testhost

import (
	"fmt"
	"os"
)

// Where the servers listen that are modules of their own: FerretDB, and by TCP and UDP those of test/peers.
const (
	PortMongoDB = 27017
	PortKafka   = 9092
	PortQUIC    = 443
)

// FerretDB starts the program at path, which test/ferretdb builds, and skips the test where it isn't built.
func FerretDB(h *Host, path string) *Server {
	h.t.Helper()
	if _, err := os.Stat(path); err != nil {
		h.t.Skip("needs FerretDB: go -C test/ferretdb build -o ferretdb . (a minute)")
	}
	s := h.serve(nil, path, fmt.Sprintf("0.0.0.0:%d", PortMongoDB), tempDir(h.t))
	h.AwaitListen(s, PortMongoDB)
	return s
}

// Kafka starts franz-go's kfake, by the program at path, which test/peers builds, and skips the test where it isn't built.
func Kafka(h *Host, path string) *Server {
	h.t.Helper()
	s := h.peer(path, "kafka", PortKafka)
	h.AwaitListen(s, PortKafka)
	return s
}

// QUIC starts a server of quic-go in the same way.
func QUIC(h *Host, path string) *Server {
	h.t.Helper()
	s := h.peer(path, "quic", PortQUIC)
	h.awaitUDP(s, PortQUIC)
	return s
}

func (h *Host) peer(path, kind string, port uint16) *Server {
	h.t.Helper()
	if _, err := os.Stat(path); err != nil {
		h.t.Skip("needs test/peers: go -C test/peers build -o peers . (a minute)")
	}
	return h.serve(nil, path, kind, fmt.Sprintf("0.0.0.0:%d", port))
}
