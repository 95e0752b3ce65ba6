package reflect

import (
	"hash/maphash"
	"sync"
	"time"
)

// window is how far the clocks of the two ends may be apart. Who is further off is told so, by TCP.
const window = 10 * time.Minute

// maxProofs is how many proofs are remembered at most, some 20 bytes each, before older ones are forgotten early.
const maxProofs = 1 << 20

// fate is what becomes of a proof that the token made.
type fate uint8

const (
	fresh    fate = iota
	stale         // its time is too far off
	replayed      // it came before
)

// proofs remembers which proofs came, for as long as their times are good: two generations, of which the older is forgotten as a whole. No proof that
// was forgotten is taken again: when a generation goes before its proofs' times are past, the times up to its latest are refused.
type proofs struct {
	mu       sync.Mutex
	seed     maphash.Seed
	max      int
	cur, old generation
	floor    time.Time // proofs of this time or earlier may have been forgotten
}

type generation struct {
	keys   map[uint64]struct{}
	begin  time.Time // when it began
	latest time.Time // of its proofs' own times
}

func newProofs(limit int) *proofs {
	return &proofs{seed: maphash.MakeSeed(), max: limit, cur: generation{keys: map[uint64]struct{}{}}}
}

// take decides about a proof, and remembers it.
func (m *proofs) take(p *Proof, now time.Time) fate {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.cur.begin) > 2*window || len(m.cur.keys) >= m.max/2 {
		if m.old.latest.After(m.floor) {
			m.floor = m.old.latest
		}
		m.old, m.cur = m.cur, generation{keys: map[uint64]struct{}{}, begin: now}
	}
	if m.floor.After(now.Add(window)) { // this host's clock was set back: what was made by the old one is stale by its time alone
		m.floor = time.Time{}
	}
	key := maphash.Bytes(m.seed, p.Nonce[:])
	_, young := m.cur.keys[key]
	_, old := m.old.keys[key]
	switch {
	case young || old:
		return replayed
	case p.Time.Sub(now).Abs() > window || !p.Time.After(m.floor):
		return stale
	}
	m.cur.keys[key] = struct{}{}
	if p.Time.After(m.cur.latest) {
		m.cur.latest = p.Time
	}
	return fresh
}
