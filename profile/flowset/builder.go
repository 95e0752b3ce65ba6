package flowset

// Builder makes the union of many sets at once. For n prefixes or sets it takes time n log n, times the work on the port
// ranges of destinations that many of them name. Its zero value is ready.
type Builder struct {
	parts map[Transports]*destinations
	sets  []Set
}

type destinations struct {
	addrs AddrsBuilder
	peers PeersBuilder
}

// Add adds the flows to any of the addresses by any of the protocols and ports.
func (b *Builder) Add(to Addrs, t Transports) {
	if d := b.part(t); d != nil {
		d.addrs.Add(to)
	}
}

// AddPeer adds the flows to a peer.
func (b *Builder) AddPeer(to Peer, t Transports) {
	if d := b.part(t); d != nil {
		d.peers.Add(to)
	}
}

// AddPeers adds the flows to any of the peers.
func (b *Builder) AddPeers(to Peers, t Transports) {
	if d := b.part(t); d != nil {
		d.peers.AddAll(to)
	}
}

// AddSet adds a set.
func (b *Builder) AddSet(s Set) {
	if !s.IsEmpty() {
		b.sets = append(b.sets, s)
	}
}

func (b *Builder) part(t Transports) *destinations {
	if t.IsEmpty() {
		return nil
	}
	d := b.parts[t]
	if d == nil {
		if b.parts == nil {
			b.parts = map[Transports]*destinations{}
		}
		d = &destinations{}
		b.parts[t] = d
	}
	return d
}

// Set is what was added. More may be added afterwards.
func (b *Builder) Set() Set {
	sets := make([]Set, 0, len(b.sets)+len(b.parts))
	sets = append(sets, b.sets...)
	for t, d := range b.parts {
		sets = append(sets, OfBoth(d.addrs.Addrs(), d.peers.Peers(), t))
	}
	return UnionOf(sets...)
}

// UnionOf is the flows in any of the sets. It unites two and two, so that each cell is merged only log n times.
func UnionOf(sets ...Set) Set {
	switch len(sets) {
	case 0:
		return Set{}
	case 1:
		return sets[0]
	}
	half := len(sets) / 2
	return UnionOf(sets[:half]...).Union(UnionOf(sets[half:]...))
}
