package measure

import (
	"io"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"
)

// leaveTime is how long a server may take to close its side once ours is closed.
const leaveTime = 200 * time.Millisecond

// leave ends a conversation as clients do, so that servers log no broken connection: the socket is closed by a reset otherwise. It waits for the
// server to close too where it is known what it speaks. A fixed port of ours must be free again at once, and TIME_WAIT would hold it.
func (s *session) leave(wait bool) {
	f, ok := s.socket.(*os.File)
	if !ok || s.a.Protocol != attempt.TCP || s.a.Source.Addr.Port() != 0 {
		return
	}
	s.bye()
	rc, err := f.SyscallConn()
	if err != nil {
		return
	}
	_ = rc.Control(func(fd uintptr) { err = unix.Shutdown(int(fd), unix.SHUT_WR) })
	if err != nil || !wait || s.within(leaveTime) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, f, maxAnswer)
}
