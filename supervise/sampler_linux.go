package supervise

import (
	"os"
	"strconv"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// sampler looks, about once a second, at how the program's TCP connections do: data that is sent and received goes past the
// supervisor. It asks the kernel only while a connection is there that is old enough to be stalled, and spends at most a
// twentieth of the time on it. Its goroutine ends when stop is closed.
type sampler struct {
	s    *Supervisor
	own  string // sallyport's network namespace
	stop chan struct{}
	done chan struct{}
}

// sampled is what the sampler knows of one life; it is the sampler's alone.
type sampled struct {
	steps int    // how many steps it had when its socket was not there; -1: it was there
	ns    string // its network namespace
	told  bool   // that it is stalled
}

const (
	sampleEvery = time.Second
	sampleShare = 20              // the part of the time that may be spent on it
	sampleAge   = 2 * time.Second // how old a connection must be
)

func (m *sampler) start() {
	m.own, _ = os.Readlink("/proc/self/ns/net")
	m.stop, m.done = make(chan struct{}), make(chan struct{})
	go m.run()
}

func (m *sampler) run() {
	defer close(m.done)
	timer := time.NewTimer(sampleEvery)
	defer timer.Stop()
	for {
		select {
		case <-m.stop:
			return
		case begin := <-timer.C:
			m.round(false)
			timer.Reset(max(sampleEvery, sampleShare*time.Since(begin)))
		}
	}
}

// end ends the goroutine and looks a last time, when the program has ended: what its kernel still retransmits then, it did not
// get through. It may be called again.
func (m *sampler) end() {
	if m.stop == nil {
		return
	}
	select {
	case <-m.done:
		return
	default:
	}
	close(m.stop)
	<-m.done
	m.round(true)
}

// round samples the lives that are due. In the last one those of other namespaces are left: no process is there to reach them by.
func (m *sampler) round(last bool) {
	type place struct {
		pid     int
		domains map[uint16]bool
		lives   map[uint64]*entry
	}
	places := map[string]*place{}
	for _, e := range m.s.lives.all() {
		pid, due := m.due(e, last)
		if !due {
			continue
		}
		k := m.of(e, pid)
		if k.ns == "" || last && k.ns != m.own {
			continue
		}
		p := places[k.ns]
		if p == nil {
			p = &place{pid: pid, domains: map[uint16]bool{}, lives: map[uint64]*entry{}}
			places[k.ns] = p
		}
		p.domains[e.domain], p.lives[e.life.Cookie] = true, e
	}
	for ns, p := range places {
		seen := map[uint64]*attempt.Traffic{}
		sample := func() error {
			for domain := range p.domains {
				if err := dumpTCP(uint8(domain), func(cookie uint64, t *attempt.Traffic) {
					if p.lives[cookie] != nil {
						seen[cookie] = t
					}
				}); err != nil {
					return err
				}
			}
			return nil
		}
		var err error
		if ns == m.own {
			err = sample()
		} else if now, _ := os.Readlink(namespaceOf(p.pid)); now == ns {
			err = inNamespaceOf(p.pid, sample)
		} else {
			continue // the process ended, or went elsewhere
		}
		if err != nil {
			continue // what was seen before stays
		}
		for cookie, e := range p.lives {
			m.note(e, seen[cookie])
		}
	}
}

func namespaceOf(pid int) string { return "/proc/" + strconv.Itoa(pid) + "/ns/net" }

// due reports whether a life may have a connection worth looking at, and its process.
func (m *sampler) due(e *entry, last bool) (pid int, due bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l := &e.life
	if l.Protocol != attempt.TCP || len(l.Steps) == 0 || l.Process == nil || l.Cookie == 0 || time.Since(l.Steps[0].At) < sampleAge {
		return 0, false
	}
	k := e.sampled
	switch {
	case k != nil && k.steps == len(l.Steps), last && l.Traffic == nil:
		return 0, false
	case k == nil && !connects(l):
		return 0, false
	}
	return l.Process.PID, true
}

func connects(l *attempt.Life) bool {
	for i := range l.Steps {
		if l.Steps[i].Call == attempt.CallConnect {
			return true
		}
	}
	return false
}

// of is what is known of a life; it learns its namespace at first.
func (m *sampler) of(e *entry, pid int) *sampled {
	if e.sampled == nil {
		k := &sampled{steps: -1}
		if k.ns, _ = os.Readlink(namespaceOf(pid)); k.ns == m.own {
			k.ns = m.own // one string for all
		}
		e.sampled = k
	}
	return e.sampled
}

// note keeps a sample; nil where the socket was not there.
func (m *sampler) note(e *entry, t *attempt.Traffic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	l, k := &e.life, e.sampled
	if t == nil {
		k.steps = len(l.Steps)
		l.Traffic = lost(l.Traffic)
		return
	}
	if t.PMTU == 0 { // in TIME-WAIT, of which the kernel tells no more; all that was sent is acknowledged then
		if l.Traffic = lost(l.Traffic); l.Traffic != nil {
			l.Traffic.Unacked = 0
		}
		k.steps = len(l.Steps)
		return
	}
	k.steps = -1
	if old := l.Traffic; old != nil && old.Acked == t.Acked && old.Received == t.Received {
		t.Moved = old.Moved
	}
	l.Traffic = t
	if t.Stalled() && !k.told && m.s.opts.OnStalled != nil {
		k.told = true
		m.s.opts.OnStalled(e.copyLife())
	}
}

// lost is a copy of the last sample of a socket that is no more.
func lost(t *attempt.Traffic) *attempt.Traffic {
	if t == nil {
		return nil
	}
	gone := *t
	gone.Lost = true
	return &gone
}
