package kube

import "github.com/sallyport/sallyport/profile/flowset"

// state is what a program has found out about the flows with a peer, by ports: which may be allowed, which denied, which are live
// in the tier, and which were passed to the next. A port in both of the first is undecidable.
type state struct {
	allow, deny, live, passed flowset.Transports
	// Of policies with one priority: what was live before them, and what no one of them has decided.
	before, left flowset.Transports
}

// start is before the first instruction.
var start = state{live: ported}

// step applies what an instruction does to a peer that it matches.
func (s state) step(op op, action Action, ports flowset.Transports, unsure bool) state {
	switch op {
	case opTier:
		s.live, s.passed = s.live.Union(s.passed), flowset.Transports{}
	case opBegin:
		s.before, s.left = s.live, s.live
	case opNext:
		s.left, s.live = s.left.Intersect(s.live), s.before
	case opEnd:
		s.live, s.before, s.left = s.left, flowset.Transports{}, flowset.Transports{}
	case opRule:
		hit := s.live.Intersect(ports)
		switch action {
		case Allow:
			s.allow = s.allow.Union(hit)
		case Deny:
			s.deny = s.deny.Union(hit)
		case Pass:
			s.passed = s.passed.Union(hit)
		}
		if !unsure {
			s.live = s.live.Subtract(hit)
		}
	}
	return s
}

// end is what may be allowed, and what certainly is: what no policy has decided is allowed.
func (s state) end() Reach {
	may := s.allow.Union(s.live).Union(s.passed)
	return Reach{Certain: may.Subtract(s.deny), Possible: may}
}

// Reach is by which protocols and ports a destination may be reached. Only TCP, UDP and SCTP are in it: of others policies don't
// tell.
type Reach struct {
	Certain  flowset.Transports // allowed
	Possible flowset.Transports // allowed or undecidable; what is not in it is denied
}

// Intersect is what both reaches let through.
func (r Reach) Intersect(s Reach) Reach {
	return Reach{r.Certain.Intersect(s.Certain), r.Possible.Intersect(s.Possible)}
}

var (
	everyPort    = Reach{ported, ported}
	unknownReach = Reach{Possible: ported}
)

// effect is an instruction as far as it concerns one peer.
type effect struct {
	op     op
	action Action
	unsure bool
	ports  flowset.Transports
}

// machine runs programs over many peers, with each distinct state and step worked out once. It is for one goroutine.
type machine struct {
	states   []state
	number   map[state]int32
	effects  map[effect]int32
	known    []effect
	next     [][]int32 // by effect, then state: the next state, or -1
	ends     []int32   // by state: its Reach, or -1
	reaches  []Reach
	reached  map[Reach]int32
	combined [][]int32 // by Reach and Reach: the intersection, or -1
}

func newMachine() *machine {
	m := &machine{number: map[state]int32{}, effects: map[effect]int32{}, reached: map[Reach]int32{}}
	m.intern(start)
	return m
}

func (m *machine) intern(s state) int32 {
	n, there := m.number[s]
	if !there {
		n = int32(len(m.states))
		m.states = append(m.states, s)
		m.number[s] = n
		m.ends = append(m.ends, -1)
	}
	return n
}

func (m *machine) effect(x effect) int32 {
	n, there := m.effects[x]
	if !there {
		n = int32(len(m.known))
		m.known = append(m.known, x)
		m.effects[x] = n
		m.next = append(m.next, nil)
	}
	return n
}

// apply moves the states of a row by an effect.
func (m *machine) apply(row []int32, x int32) {
	next := m.next[x]
	for i, s := range row {
		if int(s) < len(next) && next[s] >= 0 {
			row[i] = next[s]
			continue
		}
		row[i] = m.work(s, x)
		next = m.next[x]
	}
}

// work works a step out for the first time.
func (m *machine) work(s, x int32) int32 {
	e := m.known[x]
	n := m.intern(m.states[s].step(e.op, e.action, e.ports, e.unsure))
	next := m.next[x]
	for int(s) >= len(next) {
		next = append(next, -1)
	}
	next[s] = n
	m.next[x] = next
	return n
}

func (m *machine) reach(r Reach) int32 {
	n, there := m.reached[r]
	if !there {
		n = int32(len(m.reaches))
		m.reaches = append(m.reaches, r)
		m.reached[r] = n
		m.combined = append(m.combined, nil)
	}
	return n
}

// end is the Reach that a state comes to.
func (m *machine) end(s int32) int32 {
	if m.ends[s] < 0 {
		m.ends[s] = m.reach(m.states[s].end())
	}
	return m.ends[s]
}

// both is the intersection of two.
func (m *machine) both(a, b int32) int32 {
	row := m.combined[a]
	if int(b) < len(row) && row[b] >= 0 {
		return row[b]
	}
	n := m.reach(m.reaches[a].Intersect(m.reaches[b]))
	row = m.combined[a]
	for int(b) >= len(row) {
		row = append(row, -1)
	}
	row[b] = n
	m.combined[a] = row
	return n
}
