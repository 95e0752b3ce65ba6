package flowset

import (
	"cmp"
	"maps"
	"slices"
)

// groups comes after cells: a class that is in no cell has its number by its smallest peer.
func (m *merger) groups() []group {
	if len(m.a.groups) == 0 && len(m.b.groups) == 0 {
		return nil
	}
	if len(m.a.groups)*len(m.b.groups) > fewGroups {
		return m.eachPeer()
	}
	var f gathered
	var inA Peers
	for _, g := range m.a.groups {
		left := g.peers
		for _, h := range m.b.groups {
			if left.IsEmpty() {
				break
			}
			if both := left.Intersect(h.peers); !both.IsEmpty() {
				f.add(m.combined(g.class, h.class), both)
				left = left.Subtract(both)
			}
		}
		if m.op.of(true, false) {
			f.add(m.combined(g.class, 0), left)
		}
		if m.op.of(false, true) {
			inA = inA.Union(g.peers)
		}
	}
	if m.op.of(false, true) {
		for _, h := range m.b.groups {
			f.add(m.combined(0, h.class), h.peers.Subtract(inA))
		}
	}
	slices.SortFunc(f.pairs, func(x, y pair) int { return cmp.Compare(x.peers.min(), y.peers.min()) })
	var out []group
	for _, p := range f.pairs {
		out = append(out, group{m.number(p.transports), p.peers})
	}
	slices.SortFunc(out, func(x, y group) int { return cmp.Compare(x.class, y.class) })
	return out
}

// eachPeer is groups by looking at the peers one by one, which takes less time than each group of a with each of b where these
// are many.
func (m *merger) eachPeer() []group {
	n := 0
	for _, g := range slices.Concat(m.a.groups, m.b.groups) {
		n = max(n, 64*len(g.peers.words))
	}
	inA, inB := classes(m.a.groups, n), classes(m.b.groups, n)
	made := map[uint32]*PeersBuilder{}
	at := func(i int) *PeersBuilder {
		c := m.class(inA[i], inB[i])
		if c == 0 {
			return nil
		}
		if made[c] == nil {
			made[c] = &PeersBuilder{}
		}
		return made[c]
	}
	for i := range n {
		if b := at(i); b != nil {
			b.Add(Peer(i))
		}
	}
	if b := at(n); b != nil {
		b.AddAll(Peers{make([]uint64, n/64), ^uint64(0)})
	}
	var out []group
	for _, c := range slices.Sorted(maps.Keys(made)) {
		out = append(out, group{c, made[c].Peers()})
	}
	return out
}

// classes is the class of each of the first n peers, and at n that of all beyond.
func classes(groups []group, n int) []uint32 {
	of := make([]uint32, n+1)
	for _, g := range groups {
		for p := range g.peers.All() {
			if int(p) > n {
				break
			}
			of[p] = g.class
		}
	}
	return of
}

// gathered is peers by their transports.
type gathered struct {
	pairs []pair
	at    map[Transports]int // in pairs, once they are many
}

type pair struct {
	transports Transports
	peers      Peers
}

func (f *gathered) add(t Transports, p Peers) {
	if t.IsEmpty() || p.IsEmpty() {
		return
	}
	i := f.find(t)
	if i < 0 {
		f.pairs = append(f.pairs, pair{t, p})
		if f.at != nil {
			f.at[t] = len(f.pairs) - 1
		} else if len(f.pairs) > fewClasses {
			f.at = make(map[Transports]int, 2*len(f.pairs))
			for i, p := range f.pairs {
				f.at[p.transports] = i
			}
		}
		return
	}
	f.pairs[i].peers = f.pairs[i].peers.Union(p)
}

func (f *gathered) find(t Transports) int {
	if f.at == nil {
		return slices.IndexFunc(f.pairs, func(p pair) bool { return p.transports == t })
	}
	if i, ok := f.at[t]; ok {
		return i
	}
	return -1
}
