package flowset

import (
	"iter"
	"math/bits"
	"slices"
	"strings"
)

// Peer is a number that the caller gives to a destination, such as a pod. Numbers should be small and close
// together: a set takes a bit for every number up to its largest.
type Peer uint32

// Peers is a set of peers. The zero value is empty. It must not be compared with ==.
type Peers struct {
	words []uint64 // a bit for each peer; the last word is not equal to rest
	rest  uint64   // all further words: 0, or all ones where every peer beyond is in the set
}

// AllPeers is every peer, whatever numbers the caller gives out.
func AllPeers() Peers { return Peers{rest: ^uint64(0)} }

// PeersOf is the set of the given peers.
func PeersOf(peers ...Peer) Peers {
	var b PeersBuilder
	for _, p := range peers {
		b.Add(p)
	}
	return b.Peers()
}

// PeerRange is the peers first to last, both included; empty where first is above last.
func PeerRange(first, last Peer) Peers {
	if first > last {
		return Peers{}
	}
	words := make([]uint64, last/64+1)
	for i := first / 64; i <= last/64; i++ {
		words[i] = ^uint64(0)
	}
	words[first/64] &= ^uint64(0) << (first % 64)
	words[last/64] &= ^uint64(0) >> (63 - last%64)
	return trim(words, 0)
}

func trim(words []uint64, rest uint64) Peers {
	n := len(words)
	for n > 0 && words[n-1] == rest {
		n--
	}
	if n == 0 {
		return Peers{rest: rest}
	}
	return Peers{words[:n:n], rest}
}

func (p *Peers) word(i int) uint64 {
	if i < len(p.words) {
		return p.words[i]
	}
	return p.rest
}

// Union is the peers in p, in q or in both.
func (p Peers) Union(q Peers) Peers {
	if len(p.words) < len(q.words) {
		p, q = q, p
	}
	if q.IsEmpty() {
		return p
	}
	words := make([]uint64, len(p.words))
	n := copy(words, q.words)
	for i := range words {
		if i >= n {
			words[i] = q.rest
		}
		words[i] |= p.words[i]
	}
	return trim(words, p.rest|q.rest)
}

// Intersect is the peers in both.
func (p Peers) Intersect(q Peers) Peers {
	if len(p.words) < len(q.words) {
		p, q = q, p
	}
	n := len(p.words)
	if q.rest == 0 {
		n = len(q.words)
	}
	if p.rest&q.rest == 0 && !p.overlapsWithin(&q, n) {
		return Peers{} // as most do that are looked at, at no cost
	}
	words := make([]uint64, n)
	for i := range words {
		words[i] = p.words[i] & q.word(i)
	}
	return trim(words, p.rest&q.rest)
}

// overlapsWithin reports whether any of the first n words of p has a peer of q.
func (p *Peers) overlapsWithin(q *Peers, n int) bool {
	for i := range n {
		if p.words[i]&q.word(i) != 0 {
			return true
		}
	}
	return false
}

// Subtract is the peers in p that are not in q.
func (p Peers) Subtract(q Peers) Peers {
	if q.IsEmpty() || p.IsEmpty() {
		return p
	}
	n := max(len(p.words), len(q.words))
	if p.rest == 0 {
		n = len(p.words)
	}
	words := make([]uint64, n)
	for i := range words {
		words[i] = p.word(i) &^ q.word(i)
	}
	return trim(words, p.rest&^q.rest)
}

// Complement is the peers that are not in p, of all that the caller may ever give out.
func (p Peers) Complement() Peers { return AllPeers().Subtract(p) }

// Equal reports whether both are the same set.
func (p Peers) Equal(q Peers) bool { return p.rest == q.rest && slices.Equal(p.words, q.words) }

// IsEmpty reports whether no peer is in p.
func (p Peers) IsEmpty() bool { return len(p.words) == 0 && p.rest == 0 }

// IsAll reports whether every peer is in p.
func (p Peers) IsAll() bool { return len(p.words) == 0 && p.rest != 0 }

// SubsetOf reports whether every peer in p is in q.
func (p Peers) SubsetOf(q Peers) bool {
	for i := range max(len(p.words), len(q.words)) {
		if p.word(i)&^q.word(i) != 0 {
			return false
		}
	}
	return p.rest&^q.rest == 0
}

// Covers reports whether every peer in q is in p.
func (p Peers) Covers(q Peers) bool { return q.SubsetOf(p) }

// Overlaps reports whether any peer is in both.
func (p Peers) Overlaps(q Peers) bool {
	for i := range max(len(p.words), len(q.words)) {
		if p.word(i)&q.word(i) != 0 {
			return true
		}
	}
	return p.rest&q.rest != 0
}

// Contains reports whether the peer is in p.
func (p Peers) Contains(peer Peer) bool {
	return p.word(int(peer/64))>>(peer%64)&1 != 0
}

// Len is how many peers are in p; false where it is all but some.
func (p Peers) Len() (n int, finite bool) {
	if p.rest != 0 {
		return 0, false
	}
	for _, w := range p.words {
		n += bits.OnesCount64(w)
	}
	return n, true
}

// All yields the peers in p in order: all 2^32 of them at last, where it is all but some.
func (p Peers) All() iter.Seq[Peer] {
	return func(yield func(Peer) bool) {
		for i := uint64(0); i < uint64(len(p.words)) || p.rest != 0 && i < 1<<26; i++ {
			for w := p.word(int(i)); w != 0; w &= w - 1 {
				if !yield(Peer(64*i + uint64(bits.TrailingZeros64(w)))) {
					return
				}
			}
		}
	}
}

// min is the smallest peer of a set that is not empty.
func (p Peers) min() Peer {
	for peer := range p.All() {
		return peer
	}
	return 0
}

// String is "peers 1,5-7", "peer 1", "every peer", "every peer except 3" or "no peer".
func (p Peers) String() string {
	switch {
	case p.IsEmpty():
		return "no peer"
	case p.IsAll():
		return "every peer"
	case p.rest != 0:
		q := p.Complement()
		return "every peer except " + q.list()
	}
	if n, _ := p.Len(); n == 1 {
		return "peer " + p.list()
	}
	return "peers " + p.list()
}

func (p Peers) list() string {
	var b strings.Builder
	first, last, any := uint64(0), uint64(0), false
	flush := func() {
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		writeRange(&b, first, last)
	}
	for peer := range p.All() {
		switch n := uint64(peer); {
		case !any:
			first, any = n, true
		case n != last+1:
			flush()
			first = n
		}
		last = uint64(peer)
	}
	flush()
	return b.String()
}

// PeersBuilder makes one set of many peers. Its zero value is ready.
type PeersBuilder struct{ peers Peers }

// Add adds one peer.
func (b *PeersBuilder) Add(peer Peer) {
	b.grow(int(peer/64) + 1)
	b.peers.words[peer/64] |= 1 << (peer % 64)
}

// AddAll adds a set.
func (b *PeersBuilder) AddAll(p Peers) {
	b.grow(len(p.words))
	for i := range b.peers.words {
		b.peers.words[i] |= p.word(i)
	}
	b.peers.rest |= p.rest
}

func (b *PeersBuilder) grow(n int) {
	for len(b.peers.words) < n {
		b.peers.words = append(b.peers.words, b.peers.rest)
	}
}

// Peers is what was added. More may be added afterwards.
func (b *PeersBuilder) Peers() Peers { return trim(slices.Clone(b.peers.words), b.peers.rest) }
