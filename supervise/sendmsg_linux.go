package supervise

import (
	"encoding/binary"
	"errors"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/unotify"
	"golang.org/x/sys/unix"
)

// Layout of struct msghdr and struct mmsghdr on 64-bit machines, sendmsg(2) and sendmmsg(2).
const (
	offNameLen    = 8
	offIov        = 16
	offIovLen     = 24
	offControl    = 32
	offControlLen = 40
	sizeofMsghdr  = 56
	offMsgLen     = 56
	sizeofMmsghdr = 64
	sizeofIovec   = 16
	maxIov        = 1024 // UIO_MAXIOV; also the most messages of one sendmmsg
)

func word(b []byte, off int) uint64 { return binary.NativeEndian.Uint64(b[off:]) }

// unnamed reports whether a header names no address.
func unnamed(h []byte) bool {
	return word(h, 0) == 0 || int32(binary.NativeEndian.Uint32(h[offNameLen:])) == 0
}

func (w *worker) sendmsg() {
	var h [sizeofMsghdr]byte
	if n, err := unotify.ReadMemory(int(w.n.PID), w.n.Args[1], h[:]); err != nil || n < len(h) {
		if errors.Is(err, unix.EPERM) {
			w.giveUp()
		} else {
			w.fault(unix.EFAULT)
		}
		return
	}
	if unnamed(h[:]) && !w.s.enforcing() {
		w.noteQueries(h[:], sizeofMsghdr)
		w.pass() // the data path
		return
	}
	flags := int(int32(w.n.Args[2]))
	addr, bad := w.headerName(h[:])
	if w.notOurs(addr, bad) {
		return
	}
	if !w.openSender(int32(w.n.Args[0]), flags, addr, bad) {
		return
	}
	m := message{call: attempt.CallSendmsg, flags: flags, named: !unnamed(h[:]), name: addr}
	if errno := w.readMessage(&m, h[:]); errno != 0 {
		w.fault(errno)
		return
	}
	if !w.s.listener.Valid(w.n.ID) {
		return
	}
	if n, errno, ok := w.send(&m); ok {
		w.answer(n, errno)
	}
}

// sendmmsg is a row of messages: those before the first failure are sent, and counted.
func (w *worker) sendmmsg() {
	count := min(int(uint32(w.n.Args[2])), maxIov)
	flags := int(int32(w.n.Args[3]))
	hs := make([]byte, count*sizeofMmsghdr)
	if n, err := unotify.ReadMemory(int(w.n.PID), w.n.Args[1], hs); err != nil || n < len(hs) {
		if w.s.enforcing() {
			w.answer(0, unix.EFAULT)
			return
		}
		w.pass()
		return
	}
	named := false
	for i := range count {
		named = named || !unnamed(hs[i*sizeofMmsghdr:])
	}
	if !named && !w.s.enforcing() {
		w.noteQueries(hs, sizeofMmsghdr)
		w.pass()
		return
	}
	var first sockaddr
	if named {
		if first, _ = w.headerName(hs); first == nil {
			first = sockaddr{unix.AF_INET, 0} // another of the messages has a name: take it for an address
		}
	}
	if !w.openSender(int32(w.n.Args[0]), flags, first, 0) {
		return
	}
	var sent int64
	for i := range count {
		h := hs[i*sizeofMmsghdr:]
		addr, errno := w.headerName(h)
		m := message{call: attempt.CallSendmmsg, flags: flags, named: !unnamed(h), name: addr}
		if errno == 0 {
			errno = w.readMessage(&m, h)
		}
		if errno == 0 && !w.s.listener.Valid(w.n.ID) {
			return
		}
		var n int64
		if errno == 0 {
			var ok bool
			if n, errno, ok = w.send(&m); !ok {
				return
			}
		}
		if errno != 0 {
			if sent == 0 {
				w.answer(0, errno)
				return
			}
			break
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], uint32(n))
		at := w.n.Args[1] + uint64(i*sizeofMmsghdr+offMsgLen)
		if _, err := unotify.WriteMemory(int(w.n.PID), at, b[:]); err != nil {
			break
		}
		sent++
	}
	w.answer(sent, 0)
}

// headerName reads the address that a header names. The kernel cuts a length that is too great, and refuses a negative one
// (__copy_msghdr in net/socket.c).
func (w *worker) headerName(h []byte) (sockaddr, unix.Errno) {
	if unnamed(h) {
		return nil, 0
	}
	n := int(int32(binary.NativeEndian.Uint32(h[offNameLen:])))
	addr, errno := w.readAddr(word(h, 0), min(n, maxSockaddr))
	return append(sockaddr(nil), addr...), errno
}

// readMessage reads a message's data and control messages.
func (w *worker) readMessage(m *message, h []byte) unix.Errno {
	iovs := word(h, offIovLen)
	if iovs > maxIov {
		return unix.EMSGSIZE
	}
	vec := make([]byte, iovs*sizeofIovec)
	if n, err := unotify.ReadMemory(int(w.n.PID), word(h, offIov), vec); err != nil || n < len(vec) {
		return unix.EFAULT
	}
	for i := 0; i < len(vec) && len(m.data) < maxData; i += sizeofIovec {
		b, errno := w.readData(word(vec, i), word(vec, i+8), maxData-len(m.data))
		if errno != 0 {
			return errno
		}
		m.data = append(m.data, b...)
	}
	size := word(h, offControlLen)
	if size == 0 || word(h, offControl) == 0 {
		return 0
	}
	if size > maxControl {
		return unix.ENOBUFS
	}
	var errno unix.Errno
	m.control, errno = w.readData(word(h, offControl), size, maxControl)
	return errno
}

// readData reads size bytes at ptr, at most limit of them.
func (w *worker) readData(ptr, size uint64, limit int) ([]byte, unix.Errno) {
	b := make([]byte, min(size, uint64(limit)))
	if n, err := unotify.ReadMemory(int(w.n.PID), ptr, b); err != nil || n < len(b) {
		return nil, unix.EFAULT
	}
	return b, 0
}
