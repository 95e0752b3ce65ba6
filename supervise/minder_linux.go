package supervise

import (
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/unotify"
)

// minder looks, every few milliseconds while there is a reason to, after what nothing tells the supervisor: that a caller whose
// connect we wait for was interrupted or killed, that a socket with a pending connect was closed. Its goroutine ends when
// stop is closed; it sleeps while there is nothing to mind.
type minder struct {
	s      *Supervisor
	rounds int
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

// looksPerRound bounds the work of a round where many callers wait: each is looked at in one of the next rounds.
const looksPerRound = 8

// stopsEvery is in how many rounds it is looked whether a process was stopped.
const stopsEvery = 4

// round looks once, and reports whether there was anything to look after.
func (m *minder) round(now time.Time) bool {
	busy := m.s.watch.mind(now, false)
	if waiting := m.waiting(); len(waiting) > 0 {
		busy = true
		m.s.spare()
		m.rounds++
		first := m.rounds * looksPerRound % len(waiting)
		waiting = append(waiting[first:], waiting[:first]...)
		for i, w := range waiting {
			// What concerns one caller, its process's end or a signal, may concern them all.
			if more := m.look(w, now); i >= looksPerRound && !more {
				break
			}
		}
	}
	if m.s.inject {
		busy = m.s.held.sweepEvery(now) || busy
	}
	return busy
}

// waiting is the workers whose calls may block.
func (m *minder) waiting() []*worker {
	var out []*worker
	for _, w := range m.s.workers.snapshot() {
		if w.blocked.Load() != 0 {
			out = append(out, w)
		}
	}
	return out
}

// look ends a worker's call where that is due: the caller was killed, or, where it can be, interrupted; it has a signal to attend to;
// a profile's timeout has passed. It reports whether others should be looked at as well.
func (m *minder) look(w *worker, now time.Time) (more bool) {
	id := w.blocked.Load()
	if id == 0 {
		return false
	}
	switch {
	case w.overdue(now):
	case !m.s.listener.Valid(id):
		more = true
	case !m.s.killable:
		return false
	default:
		state, shared := signalOf(int(w.caller.Load()), m.rounds%stopsEvery == 0)
		if state == noSignal {
			return shared
		}
		more = shared
		w.released.Store(uint32(state))
	}
	if w.blocked.Load() == id {
		_ = unotify.Interrupt(w.tid)
	}
	return more
}
