//go:build linux

package measure

import (
	"context"
	"hash/maphash"
	"iter"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/probe"
)

const (
	maxOpen    = 64      // targets of which attempts are made in turns
	maxPending = 1024    // targets that wait for the lookup of their names
	maxLookups = 32      // lookups at a time
	maxLooked  = 4096    // names of which it is remembered what they led to
	maxSeen    = 1 << 17 // targets of which it is remembered that they were there
)

// planned is a target, and which attempts are made at its addresses.
type planned struct {
	target probe.Target
	of     func(*probe.Target, iter.Seq[netip.Addr]) iter.Seq[probe.Attempt]
}

// turns makes attempts of targets as they are read, looked up and tried, all at a time. It is for one goroutine.
type turns struct {
	plan    *Plan
	ctx     context.Context
	once    bool // the same target again is left out
	open    []cursor
	pending int // lookups
	looked  chan looked
	slots   chan struct{} // as many as there are lookups at a time
	names   map[string]*lookup
	seen    map[uint64]bool
	seed    maphash.Seed
}

type cursor struct {
	next func() (probe.Attempt, bool)
	stop func()
}

// lookup is of one name. Who reads its answer has received it from turns.looked, or after it.
type lookup struct {
	waiting []planned // for the answer
	done    bool
	addrs   []netip.Addr
	err     error
}

type looked struct {
	name  string
	addrs []netip.Addr
	err   error
}

// inTurns are the attempts of targets, which another goroutine reads; it ends with the sequence.
func (p *Plan) inTurns(ctx context.Context, targets iter.Seq[planned], once bool) iter.Seq[probe.Attempt] {
	return func(yield func(probe.Attempt) bool) {
		ctx, stop := context.WithCancel(ctx)
		read := make(chan planned)
		go func() {
			defer close(read)
			for x := range targets {
				select {
				case read <- x:
				case <-ctx.Done():
					return
				}
			}
		}()
		t := &turns{
			plan: p, ctx: ctx, once: once, looked: make(chan looked, maxPending), slots: make(chan struct{}, maxLookups),
			names: map[string]*lookup{}, seen: map[uint64]bool{}, seed: maphash.MakeSeed(),
		}
		defer func() {
			stop()
			for range read {
			}
			for t.pending > 0 {
				<-t.looked
				t.pending--
			}
			for _, c := range t.open {
				c.stop()
			}
		}()
		t.run(read, yield)
	}
}

func (t *turns) run(read <-chan planned, yield func(probe.Attempt) bool) {
	for t.ctx.Err() == nil {
		from := read
		if len(t.open) >= maxOpen || t.pending >= maxPending {
			from = nil
		}
		if len(t.open) > 0 { // there is something to do meanwhile
			select {
			case x, more := <-from:
				if read = from; !more {
					read = nil
				} else {
					t.add(x)
				}
			case l := <-t.looked:
				t.answered(l)
			default:
			}
			if !t.round(yield) {
				return
			}
			continue
		}
		if read == nil && t.pending == 0 {
			return
		}
		select {
		case x, more := <-from:
			if !more {
				read = nil
				break
			}
			t.add(x)
		case l := <-t.looked:
			t.answered(l)
		case <-t.ctx.Done():
		}
	}
}

// round makes one attempt of each target that is open.
func (t *turns) round(yield func(probe.Attempt) bool) bool {
	over := false
	for i := range t.open {
		a, more := t.open[i].next()
		if !more {
			t.open[i].next, over = nil, true
			continue
		}
		if !yield(a) {
			return false
		}
	}
	if over {
		t.open = slices.DeleteFunc(t.open, func(c cursor) bool { return c.next == nil })
	}
	return true
}

// add takes a target in, unless the same was there before.
func (t *turns) add(x planned) {
	if t.same(&x.target) {
		return
	}
	switch name := x.target.Host; {
	case x.target.Prefix.IsValid():
		t.begin(x, addressesOf(x.target.Prefix))
	case name == "":
		t.begin(x, slices.Values([]netip.Addr{x.target.Addr}))
	default:
		l := t.names[name]
		if l == nil {
			if len(t.names) >= maxLooked {
				for n, old := range t.names {
					if old.done {
						delete(t.names, n)
					}
				}
			}
			l = &lookup{}
			t.names[name] = l
			t.pending++
			go t.lookUp(name) // ends with ctx at the latest, and is waited for by who counts pending
		}
		l.waiting = append(l.waiting, x)
		if l.done {
			t.resolved(l)
		}
	}
}

// same reports whether a target was there before.
func (t *turns) same(x *probe.Target) bool {
	if !t.once || len(t.seen) >= maxSeen {
		return false
	}
	var h maphash.Hash
	h.SetSeed(t.seed)
	h.WriteString(x.Text)
	sum := h.Sum64()
	before := t.seen[sum]
	t.seen[sum] = true
	return before
}

func (t *turns) lookUp(name string) {
	t.slots <- struct{}{}
	addrs, err := t.plan.resolve(t.ctx, name)
	<-t.slots
	t.looked <- looked{name, addrs, err}
}

func (t *turns) answered(x looked) {
	t.pending--
	l := t.names[x.name]
	l.done, l.addrs, l.err = true, x.addrs, x.err
	t.resolved(l)
}

func (t *turns) resolved(l *lookup) {
	for _, x := range l.waiting {
		if l.err != nil {
			if t.plan.Unresolved != nil && t.ctx.Err() == nil {
				t.plan.Unresolved(x.target, l.err)
			}
			if t.plan.Proxies != nil { // a proxy may know the name
				t.begin(x, func(func(netip.Addr) bool) {})
			}
			continue
		}
		t.begin(x, slices.Values(l.addrs))
	}
	l.waiting = nil
}

func (t *turns) begin(x planned, addrs iter.Seq[netip.Addr]) {
	target := x.target
	next, stop := iter.Pull(x.of(&target, addrs))
	t.open = append(t.open, cursor{next, stop})
}

// addressesOf is every address of a prefix.
func addressesOf(p netip.Prefix) iter.Seq[netip.Addr] {
	return func(yield func(netip.Addr) bool) {
		for a := p.Addr(); p.Contains(a); a = a.Next() {
			if !yield(a) {
				return
			}
		}
	}
}
