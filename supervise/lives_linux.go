package supervise

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// entry is what the supervisor remembers of one socket. Its fields are guarded by its lock, but for domain,
// which never changes.
type entry struct {
	mu     sync.Mutex
	domain uint16
	life   attempt.Life

	source netip.AddrPort // what its last bind that succeeded or was elided asked for; not valid: none
	elided sockaddr       // a bind that was answered and not performed, nil: none
	held   int            // a socket of ours that keeps the port of an elided bind, 0: none
	local  sockaddr       // what getsockname answers instead of the truth, nil: the truth
	peer   sockaddr       // what getpeername answers instead of the truth, nil: the truth

	resolver netip.AddrPort // the DNS server that it leads to; not valid: none
	sampled  *sampled       // nil: never due

	failed bool // one of its attempts failed: never forgotten for want of room
}

// lives is the record of all sockets, by cookie. When it is full it forgets the oldest socket that never failed.
type lives struct {
	mu      sync.Mutex
	max     int
	byID    map[uint64]*entry
	order   []*entry // oldest first, from next on
	next    int
	dropped int
}

// defaultMaxLives is how many sockets are remembered where nobody says.
const defaultMaxLives = 16384

// maxFailedLives bounds the sockets that are remembered because they failed.
const maxFailedLives = 4096

func (l *lives) find(cookie uint64) *entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byID[cookie]
}

// add starts the record of a socket.
func (l *lives) add(k *socket, fd int32, p *attempt.Process) *entry {
	e := &entry{domain: uint16(k.domain)}
	e.life = attempt.Life{
		Cookie: k.cookie, Netns: netnsOf(k.fd), Process: p, FD: int(fd), Protocol: k.protocol, Family: familyOf(k.domain),
		Steps: make([]attempt.Step, 0, 1),
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byID == nil {
		l.byID = map[uint64]*entry{}
	}
	l.byID[k.cookie] = e
	l.order = append(l.order, e)
	if len(l.order)-l.next > l.max {
		l.forget()
	}
	return e
}

// addNameless starts the record of a socket that was never made.
func (l *lives) addNameless(e *entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.order = append(l.order, e)
	if len(l.order)-l.next > l.max {
		l.forget()
	}
}

// forget drops the oldest record that can be spared.
func (l *lives) forget() {
	kept := 0
	for l.next < len(l.order) {
		e := l.order[l.next]
		l.order[l.next] = nil
		l.next++
		e.mu.Lock()
		keep := (e.failed || e.elided != nil || e.peer != nil) && kept < maxFailedLives
		e.mu.Unlock()
		if keep {
			l.order = append(l.order, e)
			kept++
			continue
		}
		delete(l.byID, e.life.Cookie)
		l.dropped++
		break
	}
	if l.next > len(l.order)/2 {
		l.order = append([]*entry(nil), l.order[l.next:]...)
		l.next = 0
	}
}

// all is every record, oldest first.
func (l *lives) all() []*entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]*entry(nil), l.order[l.next:]...)
}

// copyLife is a copy that its receiver may keep. The entry's lock is held.
func (e *entry) copyLife() *attempt.Life {
	c := e.life
	c.Traffic = e.sampled.last()
	c.Steps = append([]attempt.Step(nil), e.life.Steps...)
	return &c
}

// maxSteps bounds one life: a socket that sends to ever new destinations keeps its first steps and its last.
const maxSteps = 256

// record adds a step to a life and tells who asked to be told. The entry's lock is held.
func (s *Supervisor) record(e *entry, st attempt.Step) {
	l := &e.life
	s.names.see(e, &st)
	s.locate(l, &st)
	if n := len(l.Steps); n > 0 && alike(&l.Steps[n-1], &st) {
		last := &l.Steps[n-1]
		last.Count = max(last.Count, 1) + 1
		last.Took = st.Took
	} else {
		if n >= maxSteps {
			l.Steps = append(l.Steps[:maxSteps/2], l.Steps[maxSteps/2+1:]...)
		}
		l.Steps = append(l.Steps, st)
	}
	if s.opts.OnStep != nil {
		s.opts.OnStep(l, &st)
	}
	if mayEnd(&st) {
		s.tellFailed(e)
	}
}

// tellFailed tells of the attempt that the last step ended, if it failed. The entry's lock is held.
func (s *Supervisor) tellFailed(e *entry) {
	l := &e.life
	if s.opts.OnFailed == nil {
		return
	}
	results := l.Attempts()
	if len(results) == 0 {
		return
	}
	if r := results[len(results)-1]; r.Last == len(l.Steps)-1 && r.Failed() {
		e.failed = true
		if !hasStack(l.Steps[r.First : r.Last+1]) {
			s.located.pendingFailed(l.Process)
		}
		s.opts.OnFailed(e.copyLife(), r)
	}
}

func hasStack(steps []attempt.Step) bool {
	return slices.ContainsFunc(steps, func(st attempt.Step) bool { return st.Where != nil })
}

// alike reports whether a step only repeats the one before: a datagram to the same place with the same result.
func alike(a, b *attempt.Step) bool {
	return a.Call == b.Call && a.Call.Send() && a.Errno == b.Errno && a.How == b.How && a.Address == b.Address
}

// mayEnd reports whether a step can be the end of an attempt that failed.
func mayEnd(st *attempt.Step) bool {
	return st.Errno != 0 && attempt.OutcomeOf(st.Errno).Kind != attempt.InProgress || st.Call == attempt.CallClose
}

func familyOf(domain int) attempt.Family {
	switch domain {
	case unix.AF_INET:
		return attempt.IPv4
	case unix.AF_INET6:
		return attempt.IPv6
	}
	return 0
}
