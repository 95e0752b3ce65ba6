package testhost

import "fmt"

// PortTalker is where Talker listens.
const PortTalker = 7000

// talker answers a line "TAKE GIVE\n" with "ok\n"; then it reads TAKE bytes, and writes GIVE bytes.
const talker = `
import socket, sys, threading
def talk(c):
    f = c.makefile("rwb")
    for line in f:
        take, give = map(int, line.split())
        f.write(b"ok\n"); f.flush()
        f.read(take)
        f.write(b"x" * give); f.flush()
s = socket.socket(socket.AF_INET6)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(("::", int(sys.argv[1])))
s.listen()
while True:
    threading.Thread(target=talk, args=(s.accept()[0],), daemon=True).start()
`

// Talker starts a server that takes and gives as much data as its client says.
func Talker(h *Host) *Server {
	h.t.Helper()
	NeedFile(h.t, "/usr/bin/python3", "python3")
	s := h.serve(nil, "/usr/bin/python3", "-c", talker, fmt.Sprint(PortTalker))
	h.AwaitListen(s, PortTalker)
	return s
}
