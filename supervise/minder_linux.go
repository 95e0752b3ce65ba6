package supervise

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/unotify"
)

// minder looks, every few milliseconds while there is a reason to, after what nothing tells the supervisor: that a caller whose
// connect we wait for was interrupted or killed, that a socket with a pending connect was closed. Its goroutine ends when
// stop is closed; it sleeps while there is nothing to mind.
type minder struct {
	s      *Supervisor
	asleep atomic.Bool
	kick   chan struct{}
	stop   chan struct{}
	done   chan struct{}
}

const (
	mindEvery = 5 * time.Millisecond // how late a caller that waits gets its signal, or its socket is let go
	mindFor   = time.Second          // how long it stays awake for nothing
)

func (m *minder) start() {
	m.kick, m.stop, m.done = make(chan struct{}, 1), make(chan struct{}), make(chan struct{})
	m.asleep.Store(true)
	go m.run()
}

// wake wakes the minder, if it sleeps.
func (m *minder) wake() {
	if m.asleep.Load() {
		select {
		case m.kick <- struct{}{}:
		default:
		}
	}
}

func (m *minder) run() {
	defer close(m.done)
	tick := time.NewTicker(mindEvery)
	defer tick.Stop()
	for {
		m.asleep.Store(true)
		tick.Stop()
		select {
		case <-m.stop:
			return
		case <-m.kick:
		}
		m.asleep.Store(false)
		tick.Reset(mindEvery)
		for busy := time.Now(); time.Since(busy) < mindFor; {
			select {
			case <-m.stop:
				return
			case now := <-tick.C:
				if m.round(now) {
					busy = now
				}
			}
		}
	}
}

// round looks once, and reports whether there was anything to look after.
func (m *minder) round(now time.Time) bool {
	busy := m.s.watch.mind(now, false)
	for _, w := range m.s.workers.snapshot() {
		id := w.blocked.Load()
		if id == 0 {
			continue
		}
		busy = true
		if m.s.listener.Valid(id) && !w.overdue(now) {
			if !m.s.killable {
				continue
			}
			state := signalOf(int(w.caller.Load()))
			if state == noSignal {
				continue
			}
			w.released.Store(uint32(state))
		} // else the call is over: the caller was killed, or, where it can be, interrupted, or a profile's timeout has passed
		if w.blocked.Load() == id {
			_ = unotify.Interrupt(w.tid)
		}
	}
	if m.s.inject {
		busy = m.s.held.sweepEvery(m.s, now) || busy
	}
	return busy
}

func fields(b []byte) []int {
	var out []int
	for _, f := range strings.Fields(string(b)) {
		if n, err := strconv.Atoi(f); err == nil {
			out = append(out, n)
		}
	}
	return out
}
