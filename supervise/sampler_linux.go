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
	s      *Supervisor
	own    string // sallyport's network namespace
	rounds int
	stop   chan struct{}
	done   chan struct{}
}

// sampled is what the sampler knows of one life; all but its traffic is the sampler's alone.
type sampled struct {
	steps   int             // how many steps it had when its socket was not there; -1: it was there
	ns      string          // its network namespace
	due     int             // the round in which it was last due
	seen    int             // the round in which it was last there
	told    bool            // that it is stalled
	has     bool            // it was sampled
	traffic attempt.Traffic // guarded by the entry's lock
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
	}
	m.rounds++
	places := map[string]*place{}
	all := m.s.lives.all()
	for _, e := range all {
		pid, due := m.due(e, last)
		if !due {
			continue
		}
		k := m.of(e, pid)
		if k.ns == "" || last && k.ns != m.own {
			continue
		}
		k.due = m.rounds
		if places[k.ns] == nil {
			places[k.ns] = &place{pid: pid, domains: map[uint16]bool{}}
		}
		places[k.ns].domains[e.domain] = true
	}
	for ns, p := range places {
		sample := func() error {
			for domain := range p.domains {
				if err := dumpTCP(uint8(domain), m.wants, m.saw); err != nil {
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
		for _, e := range all {
			if k := e.sampled; k != nil && k.due == m.rounds && k.ns == ns && k.seen != m.rounds {
				m.missed(e)
			}
		}
	}
}

// wants reports whether a socket is due in this round.
func (m *sampler) wants(cookie uint64) bool {
	e := m.s.lives.find(cookie)
	return e != nil && e.sampled != nil && e.sampled.due == m.rounds
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
	case k != nil && k.steps == len(l.Steps), last && (k == nil || !k.has):
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
		e.mu.Lock()
		e.sampled = k
		e.mu.Unlock()
	}
	return e.sampled
}

// saw keeps a sample of a socket that is wanted.
func (m *sampler) saw(cookie uint64, t *attempt.Traffic) {
	e := m.s.lives.find(cookie)
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	k := e.sampled
	k.seen = m.rounds
	if t.PMTU == 0 { // in TIME-WAIT, of which the kernel tells no more; all that was sent is acknowledged then
		k.steps = len(e.life.Steps)
		k.traffic.Lost, k.traffic.Unacked = true, 0
		return
	}
	k.steps = -1
	moved := t.At
	if k.has && k.traffic.Acked == t.Acked && k.traffic.Received == t.Received {
		moved = k.traffic.Moved
	}
	k.traffic, k.has = *t, true
	k.traffic.Moved = moved
	if k.traffic.Stalled() && !k.told && m.s.opts.OnStalled != nil {
		k.told = true
		m.s.opts.OnStalled(e.copyLife())
	}
}

// missed notes that a socket was not there.
func (m *sampler) missed(e *entry) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sampled.steps = len(e.life.Steps)
	e.sampled.traffic.Lost = true
}

// last is a copy of a life's last sample; nil where there is none.
func (k *sampled) last() *attempt.Traffic {
	if k == nil || !k.has {
		return nil
	}
	t := k.traffic
	return &t
}
