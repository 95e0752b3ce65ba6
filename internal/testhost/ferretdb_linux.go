package testhost

import (
	"fmt"
	"os"
)

// PortMongoDB is where FerretDB listens.
const PortMongoDB = 27017

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
