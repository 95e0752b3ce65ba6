package supervise

import (
	"encoding/binary"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// soError serves getsockopt(SOL_SOCKET, SO_ERROR), by which a program learns how a connect that was left in progress ended. Reading
// the error clears it: it is read here, once, and given to the program.
func (w *worker) soError() {
	tid, valPtr, lenPtr := int(w.n.PID), w.n.Args[3], w.n.Args[4]
	errno, ok := w.openKnown(int32(w.n.Args[0]))
	if !ok {
		w.pass() // names no address: nothing to decide
		return
	}
	if errno != 0 {
		w.answer(0, errno)
		return
	}
	if w.sock.entry == nil {
		w.pass()
		return
	}
	var b [4]byte
	if n, err := unotify.ReadMemory(tid, lenPtr, b[:]); err != nil || n < len(b) {
		w.answer(0, unix.EFAULT)
		return
	}
	room := int(int32(binary.NativeEndian.Uint32(b[:])))
	if room < 0 {
		w.answer(0, unix.EINVAL)
		return
	}
	// See that the value can be written before it is taken.
	var old [4]byte
	fit := min(room, len(old))
	if n, err := unotify.ReadMemory(tid, valPtr, old[:fit]); err != nil || n < fit {
		w.answer(0, unix.EFAULT)
		return
	}
	if !w.s.listener.Valid(w.n.ID) {
		return
	}
	w.acted = true
	e := w.sock.entry
	e.mu.Lock()
	defer e.mu.Unlock()
	st := attempt.Step{Call: attempt.CallSoError, TID: int32(tid), At: time.Now()}
	value := w.sock.option(unix.SO_ERROR)
	binary.NativeEndian.PutUint32(b[:], uint32(value))
	_, err := unotify.WriteMemory(tid, valPtr, b[:fit])
	if err == nil {
		binary.NativeEndian.PutUint32(b[:], uint32(fit))
		_, err = unotify.WriteMemory(tid, lenPtr, b[:])
	}
	if err != nil {
		errno = unix.EFAULT
	}
	st.Errno, st.Took = attempt.Errno(value), time.Since(st.At)
	if value != 0 || w.sock.connected() {
		if w.s.watch.ended(e) && value == 0 {
			// The program was faster than the watch. No error alone would say nothing: a connect in progress has none either.
			w.s.record(e, attempt.Step{Call: attempt.CallReady, How: attempt.Inferred, TID: int32(tid), At: st.At})
		}
		w.s.record(e, st)
	}
	w.answer(0, errno)
}

// connected reports whether a stream socket's handshake is done: TCP_ESTABLISHED in tcp_info, tcp(7).
func (k *socket) connected() bool { return k.tcpState() == tcpEstablished }

// TCP states, net/tcp_states.h.
const (
	tcpEstablished = 1
	tcpSynSent     = 2
	tcpClose       = 7
)

func (k *socket) tcpState() int {
	var b [1]byte // tcpi_state comes first
	if getsockopt(k.fd, unix.IPPROTO_TCP, unix.TCP_INFO, b[:]) != 0 {
		return 0
	}
	return int(b[0])
}
