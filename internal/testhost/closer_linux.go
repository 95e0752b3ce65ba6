package testhost

import "fmt"

// closer accepts, and does with a connection what its second argument says: "close", "reset", "read" (reads something, and closes),
// "greet" (sends a line, and closes), "hold" (reads until the client ends), "turns" (closes every other, the first
// too, and greets the others). A third makes its socket transparent.
const closer = `
import itertools, socket, struct, sys, threading
def serve(c, how):
    if how == "read":
        c.recv(1000)
    if how == "greet":
        c.sendall(b"hello\n")
        c.shutdown(socket.SHUT_WR)
        while c.recv(1000): pass
    if how == "hold":
        while c.recv(1000): pass
    if how == "reset":
        c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    c.close()
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
if len(sys.argv) > 3:
    s.setsockopt(socket.IPPROTO_IPV6, 75, 1) # IPV6_TRANSPARENT
    s.setsockopt(socket.SOL_IP, 19, 1) # IP_TRANSPARENT
s.bind(("::", int(sys.argv[1])))
s.listen()
for how in itertools.cycle(["close", "greet"] if sys.argv[2] == "turns" else [sys.argv[2]]):
    threading.Thread(target=serve, args=(s.accept()[0], how), daemon=True).start()
`

// Closer starts a server on a port, of both families, that does with each connection as told: see closer.
func Closer(h *Host, port uint16, how ...string) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/bin/python3", "python3")
	s := h.serve(nil, append([]string{"/usr/bin/python3", "-c", closer, fmt.Sprint(port)}, how...)...)
	h.AwaitListen(s, port)
	return s
}
