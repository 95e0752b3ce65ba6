package supervise

import (
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// names is what the program's lookups told: each of them, and which name is behind an address.
type names struct {
	until atomic.Int64 // nobody is expected to read an answer after that, in Unix nanoseconds

	mu        sync.Mutex
	lookups   []*attempt.Lookup
	dropped   int
	behind    map[netip.Addr][]named // newest last
	hosts     hostsCache
	resolvers map[*attempt.Process]*attempt.Resolver
	s         *Supervisor
}

// named is a name that an address was given for.
type named struct {
	name string
	pid  int
}

// Limits of what is kept. What comes first is kept of the lookups, since failures hide at the start; the newest of the names.
const (
	maxLookups    = 8192
	maxAddresses  = 16384
	namesPerAddr  = 8
	maxResolvers  = 1024
	lookupsActive = time.Minute // how long after a question its answer is looked for
	dnsPort       = 53
)

// active reports whether a socket of the program's may be a resolver's, so that reads are looked into.
func (n *names) active() bool { return time.Now().UnixNano() < n.until.Load() }

// see notes where a socket leads, and finds the name behind the address that a step names. The entry's lock is held.
func (n *names) see(e *entry, st *attempt.Step) {
	if st.Call != attempt.CallConnect && !st.Call.Send() {
		return
	}
	if st.Address.Port() == dnsPort {
		e.resolver = st.Address
		n.until.Store(time.Now().Add(lookupsActive).UnixNano())
	} else if st.Call == attempt.CallConnect {
		e.resolver = netip.AddrPort{}
	}
	if st.Address.IsValid() && st.Name == "" {
		st.Name, st.Hosts = n.of(e.life.Process, st.Address.Addr(), st.Errno != 0)
	}
}

// of is the name behind an address, as the program knows it: from its lookups, those of the same process first, else, where the step failed or
// may yet fail, from its /etc/hosts, whose entry is then there too.
func (n *names) of(p *attempt.Process, addr netip.Addr, failing bool) (string, *attempt.HostsEntry) {
	addr = addr.Unmap().WithZone("")
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.behind[addr]
	for _, k := range slices.Backward(all) {
		if p != nil && k.pid == p.PID {
			return k.name, nil
		}
	}
	if len(all) > 0 {
		return all[len(all)-1].name, nil
	}
	if !failing || p == nil {
		return "", nil
	}
	entry, known := n.hosts.entry(p.PID, addr)
	if !known {
		return "", nil
	}
	entry.Resolver = n.resolver(p)
	return entry.Names[0], &entry
}

// add appends a lookup. The lock is held.
func (n *names) add(w *worker, server netip.AddrPort) *attempt.Lookup {
	e := w.sock.entry
	p := w.process()
	l := &attempt.Lookup{
		Process: p, TID: int32(w.n.PID), FD: int(int32(w.n.Args[0])), Cookie: e.life.Cookie, Protocol: e.life.Protocol,
		Server: server, Asked: time.Now(), Count: 1, Resolver: n.resolver(p),
	}
	l.Elsewhere = !sameLink("/proc/"+strconv.Itoa(int(w.n.PID))+"/ns/net", "/proc/self/ns/net")
	if len(n.lookups) >= maxLookups {
		n.dropped++
		return l
	}
	n.lookups = append(n.lookups, l)
	return l
}

// find is the newest lookup of w's socket that nobody has answered, and that same accepts. The lock is held.
func (n *names) find(w *worker, same func(*attempt.Lookup) bool) *attempt.Lookup {
	// What is answered is answered soon: it is among the last.
	const recent = 512
	for i := len(n.lookups) - 1; i >= max(0, len(n.lookups)-recent); i-- {
		if l := n.lookups[i]; l.Cookie == w.sock.cookie && l.Answered.IsZero() && same(l) {
			return l
		}
	}
	return nil
}

// asked notes a question. The same once more, on the same socket or another, is a retry: the caller's stack is then taken.
func (n *names) asked(w *worker, server netip.AddrPort, m *dnsMessage, awaited bool) {
	n.until.Store(time.Now().Add(lookupsActive).UnixNano())
	n.mu.Lock()
	defer n.mu.Unlock()
	kind := typeName(m.kind)
	if l := n.find(w, func(l *attempt.Lookup) bool { return l.Server == server && l.Name == m.name && l.Type == kind }); l != nil {
		l.Count++
		l.ID = m.id
		l.Awaited = l.Awaited || awaited
		n.locate(w, l)
		return
	}
	l := n.add(w, server)
	l.ID, l.Name, l.Type, l.Awaited = m.id, m.name, kind, awaited
	n.again(w, l)
}

// again takes the caller's stack, if the same was asked before and nobody answered. The lock is held.
func (n *names) again(w *worker, l *attempt.Lookup) {
	for i := len(n.lookups) - 2; i >= 0 && i > len(n.lookups)-32; i-- {
		if o := n.lookups[i]; o.Process == l.Process && o.Name == l.Name && o.Type == l.Type && o.Outcome == attempt.LookupSilent {
			n.locate(w, l)
			break
		}
	}
}

// waits notes that a program looks for an answer, and there is none yet.
func (n *names) waits(w *worker, server netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	open := n.find(w, func(*attempt.Lookup) bool { return true })
	if open == nil && w.n.Nr == unix.SYS_READ && !w.sock.protocol.Stream() { // Go reads when it has asked
		open = n.add(w, server)
		n.again(w, open)
	}
	for i := len(n.lookups) - 1; open != nil && i >= max(0, len(n.lookups)-64); i-- {
		if l := n.lookups[i]; l.Cookie == w.sock.cookie && l.Answered.IsZero() {
			l.Awaited = true
		}
	}
}

// unread marks the questions of w's socket that nobody has answered.
func (n *names) unread(w *worker) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for i := len(n.lookups) - 1; i >= max(0, len(n.lookups)-64); i-- {
		if l := n.lookups[i]; l.Cookie == w.sock.cookie && l.Answered.IsZero() {
			l.Unread = true
		}
	}
}

// answered notes an answer. One that nobody asked for is not the program's to take, and not ours.
func (n *names) answered(w *worker, server netip.AddrPort, m *dnsMessage) {
	n.mu.Lock()
	defer n.mu.Unlock()
	kind := typeName(m.kind)
	l := n.find(w, func(l *attempt.Lookup) bool { return l.Name == m.name && l.Type == kind && l.ID == m.id })
	if l == nil {
		l = n.find(w, func(l *attempt.Lookup) bool { return l.Name == "" })
	}
	if l == nil {
		if n.known(w, m) {
			return // read in parts, or looked at before
		}
		l = n.add(w, server)
	}
	l.ID, l.Name, l.Type, l.RCode = m.id, m.name, kind, int(m.rcode)
	l.Answers, l.Chain, l.Outcome, l.Answered = m.answers, m.chain, m.outcome(), time.Now()
	switch l.Outcome {
	case attempt.LookupAnswered:
		pid := 0
		if l.Process != nil {
			pid = l.Process.PID
		}
		for _, a := range l.Answers {
			n.learn(a.Unmap(), named{l.Name, pid})
		}
	case attempt.LookupTruncated:
	default:
		n.locate(w, l)
	}
}

// known reports whether an answer has been seen on this socket. The lock is held.
func (n *names) known(w *worker, m *dnsMessage) bool {
	for i := len(n.lookups) - 1; i >= max(0, len(n.lookups)-64); i-- {
		if l := n.lookups[i]; l.Cookie == w.sock.cookie && l.ID == m.id && l.Name == m.name && l.Type == typeName(m.kind) {
			return true
		}
	}
	return false
}

// closed notes that nothing listens where the socket's questions went.
func (n *names) closed(w *worker, server netip.AddrPort) {
	if w.sock.protocol.Stream() {
		return // the connection was cut: its life tells
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	open := func(*attempt.Lookup) bool { return true }
	l := n.find(w, open)
	if l == nil {
		l = n.add(w, server)
	}
	for ; l != nil; l = n.find(w, open) {
		l.Outcome, l.Answered = attempt.LookupPortClosed, time.Now()
		n.locate(w, l)
	}
}

// locate takes the caller's stack, as record does for steps that fail. The lock is held.
func (n *names) locate(w *worker, l *attempt.Lookup) {
	c := &n.s.located
	if n.s.opts.Where != nil && l.Where == nil && c.once(&c.failures, w.sock.entry.life.Process, failuresPerProcess) {
		l.Where = c.share(n.s.opts.Where(int(w.n.PID)))
	}
}

// learn notes a name for an address. The lock is held.
func (n *names) learn(addr netip.Addr, k named) {
	if n.behind == nil {
		n.behind = map[netip.Addr][]named{}
	}
	all, known := n.behind[addr]
	if !known && len(n.behind) >= maxAddresses {
		for old := range n.behind { // any of them
			delete(n.behind, old)
			break
		}
	}
	all = slices.DeleteFunc(all, func(o named) bool { return o == k })
	if len(all) >= namesPerAddr {
		all = all[1:]
	}
	n.behind[addr] = append(all, k)
}

// Lookups is a copy of the DNS questions that the program asked, oldest first, and how many more there were than were kept.
func (s *Supervisor) Lookups() ([]attempt.Lookup, int) {
	s.names.mu.Lock()
	defer s.names.mu.Unlock()
	out := make([]attempt.Lookup, 0, len(s.names.lookups))
	for _, l := range s.names.lookups {
		out = append(out, *l)
	}
	return out, s.names.dropped
}
