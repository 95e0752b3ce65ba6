package supervise

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
	"golang.org/x/sys/unix"
)

// overheard is what the program and its proxies say to each other before data flows. Connections are the program's own, and data goes
// past the supervisor; so the packets are looked at, by a packet socket (packet(7)) for each proxy, which needs CAP_NET_RAW, and which the
// program can't tell. It is opened before the connect, and closed when all that was said is known.
type overheard struct {
	mu     sync.Mutex
	barred bool // a packet socket may not be opened
	ended  bool
	ears   map[earKey]*ear
	all    []*ear // that were ever opened
}

type earKey struct {
	netns uint64
	to    netip.AddrPort
}

// ear listens to one proxy. Its goroutine ends when its file's deadline passes, or the file is closed.
type ear struct {
	o    *overheard
	key  earKey
	file *os.File
	done chan struct{}

	// Guarded by the lock of overheard.
	talks  map[netip.AddrPort]*proxy.Talk // by the client's end
	order  []netip.AddrPort
	silent int // connections that were made, and have not said all
	until  time.Time
}

const (
	earLinger  = time.Second     // how long after the last connection a socket is kept for the next
	earPatient = 2 * time.Minute // how long a proxy may be silent: it may wait for a connect of its own
	maxEars    = 32              // sockets that are opened in a run
	maxTalks   = 1024            // connections that are followed
)

// overhear listens to what is said on the connection that w is about to make, where it leads to a proxy.
func (w *worker) overhear(to netip.AddrPort) {
	s := w.s
	w.heard = false
	if s.opts.OnDial == nil || w.sock.protocol != attempt.TCP || !to.IsValid() || !s.opts.OnDial(w.sock.entry.life.Process, to) {
		return
	}
	w.heard = true
	o := &s.overheard
	e := w.sock.entry
	e.mu.Lock()
	key := earKey{e.life.Netns, netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())}
	e.mu.Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	if h := o.ears[key]; h != nil {
		h.silent++
		h.wait(earPatient)
		return
	}
	if o.barred || o.ended || len(o.all) >= maxEars {
		return
	}
	var file *os.File
	err := inNamespaceOf(int(w.n.PID), func() error {
		var err error
		file, err = openEar(key.to)
		return err
	})
	if err != nil {
		o.barred = true
		return
	}
	h := &ear{o: o, key: key, file: file, done: make(chan struct{}), talks: map[netip.AddrPort]*proxy.Talk{}, silent: 1}
	h.wait(earPatient)
	if o.ears == nil {
		o.ears = map[earKey]*ear{}
	}
	o.ears[key] = h
	o.all = append(o.all, h)
	go h.listen()
}

// openEar opens a packet socket in this thread's network namespace. It takes packets from when its filter is there.
func openEar(to netip.AddrPort) (*os.File, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	filter := firstWords(to)
	err = unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER, &unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]})
	if err == nil { // sent packets are handed to sockets for all protocols alone (dev_queue_xmit_nit in net/core/dev.c)
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: networkOrder(unix.ETH_P_ALL)})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), "packets of "+to.String()), nil
}

func networkOrder(n uint16) uint16 {
	return binary.NativeEndian.Uint16(binary.BigEndian.AppendUint16(nil, n))
}

// wait says how long to listen from now on, if no more comes.
func (h *ear) wait(d time.Duration) {
	h.until = time.Now().Add(d)
	_ = h.file.SetReadDeadline(h.until)
}

func (h *ear) listen() {
	defer close(h.done)
	b := make([]byte, snapped)
	for {
		n, err := h.file.Read(b)
		h.o.mu.Lock()
		switch {
		case err == nil:
			if h.saw(b[:n]) {
				wait := earPatient
				if h.silent <= 0 {
					wait = earLinger
				}
				h.wait(wait)
			}
		case errors.Is(err, unix.ENETDOWN): // a device went down, packet(7)
			err = nil
		case errors.Is(err, os.ErrDeadlineExceeded) && !h.o.ended && time.Now().Before(h.until): // another connection came as it passed
			err = nil
		case h.o.ears[h.key] == h:
			delete(h.o.ears, h.key)
		}
		h.o.mu.Unlock()
		if err != nil && !h.o.endedNow() {
			_ = h.file.Close() // waits until no processor looks at it (synchronize_net), which delays nobody here
		}
		if err != nil {
			return
		}
	}
}

func (o *overheard) endedNow() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.ended
}

// saw takes a packet, and reports whether one more connection has said all.
func (h *ear) saw(b []byte) bool {
	p, ok := segmentOf(b)
	if !ok {
		return false
	}
	client, up := p.from, true
	if p.from == h.key.to {
		client, up = p.to, false
	}
	t := h.talks[client]
	if t == nil {
		if !up || len(h.talks) >= maxTalks {
			return false
		}
		t = &proxy.Talk{}
		h.talks[client] = t
		h.order = append(h.order, client)
	}
	over := t.Over()
	if up {
		t.Up(p.seq, p.data)
	} else {
		t.Down(p.seq, p.data)
	}
	if over || !t.Over() {
		return false
	}
	h.silent--
	return true
}

// Heard is what was overheard between the program and its proxies, in order of time. It is to be called when the program has ended: all
// that it read by then has passed by.
func (s *Supervisor) Heard() []proxy.Exchange {
	o := &s.overheard
	o.end()
	var out []proxy.Exchange
	for _, h := range o.all {
		for _, client := range h.order {
			if asks := h.talks[client].Asks(); len(asks) > 0 {
				out = append(out, proxy.Exchange{Netns: h.key.netns, Local: client, Proxy: h.key.to, Asks: asks})
			}
		}
	}
	return out
}

// end takes what is left in the sockets, and closes them. It may be called again.
func (o *overheard) end() {
	o.mu.Lock()
	was := o.ended
	o.ended = true
	open := make([]*ear, 0, len(o.ears))
	for _, h := range o.ears {
		open = append(open, h)
		_ = h.file.SetReadDeadline(time.Unix(1, 0))
	}
	o.mu.Unlock()
	if was {
		return
	}
	for _, h := range open {
		<-h.done
		b := make([]byte, snapped)
		if raw, err := h.file.SyscallConn(); err == nil {
			_ = raw.Control(func(fd uintptr) {
				for {
					n, _, err := unix.Recvfrom(int(fd), b, unix.MSG_DONTWAIT)
					if err != nil {
						return
					}
					h.saw(b[:n])
				}
			})
		}
		_ = h.file.Close()
	}
}
