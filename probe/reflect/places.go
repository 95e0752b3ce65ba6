package reflect

import (
	"container/list"
	"net/netip"
	"sync"
)

// places are the connections that may be open at a time. When none is left, one makes room that was answered and only waits for its client to close,
// or else that has been there for longest without proving the token: of the same source where that has too many, else of all. So whoever opens thousands and says nothing keeps nobody out who
// proves the token at once.
type places struct {
	mu             sync.Mutex
	max, perSource int
	taken          int
	waiting        *list.List // of *place that have not proved the token, the oldest first
	sources        map[netip.Addr]*sourcePlaces
	all            map[*place]struct{}
	evicted        int64
	refused        int64
}

type sourcePlaces struct {
	taken   int
	waiting *list.List
}

// place is one of them.
type place struct {
	source     netip.Addr
	end        func() // closes the connection
	every, own *list.Element
	gone       bool
}

func newPlaces(limit, perSource int) *places {
	return &places{max: limit, perSource: perSource, waiting: list.New(), sources: map[netip.Addr]*sourcePlaces{}, all: map[*place]struct{}{}}
}

// take gives a connection a place; nil where all are taken by those that proved the token.
func (p *places) take(source netip.Addr, end func()) *place {
	p.mu.Lock()
	var loser *place
	s := p.sources[source]
	switch {
	case s != nil && s.taken >= p.perSource:
		loser = first(s.waiting)
	case p.taken >= p.max:
		loser = first(p.waiting)
	}
	if loser != nil {
		p.remove(loser)
		p.evicted++
		s = p.sources[source] // may have gone with it
	}
	if s != nil && s.taken >= p.perSource || p.taken >= p.max {
		p.refused++
		p.mu.Unlock()
		return nil
	}
	if s == nil {
		s = &sourcePlaces{waiting: list.New()}
		p.sources[source] = s
	}
	c := &place{source: source, end: end}
	c.every, c.own = p.waiting.PushBack(c), s.waiting.PushBack(c)
	p.all[c] = struct{}{}
	p.taken++
	s.taken++
	p.mu.Unlock()
	if loser != nil {
		loser.end()
	}
	return c
}

func first(l *list.List) *place {
	if e := l.Front(); e != nil {
		return e.Value.(*place)
	}
	return nil
}

// proved keeps a connection from making room for others. It is false for one that already had to.
func (p *places) proved(c *place) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c.gone {
		return false
	}
	p.unwait(c)
	return true
}

// finished lets a connection that was answered make room before all others.
func (p *places) finished(c *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.gone {
		p.unwait(c)
		c.every, c.own = p.waiting.PushFront(c), p.sources[c.source].waiting.PushFront(c)
	}
}

// leave gives a place back.
func (p *places) leave(c *place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !c.gone {
		p.remove(c)
	}
}

func (p *places) unwait(c *place) {
	if c.every != nil {
		p.waiting.Remove(c.every)
		p.sources[c.source].waiting.Remove(c.own)
		c.every, c.own = nil, nil
	}
}

func (p *places) remove(c *place) {
	p.unwait(c)
	c.gone = true
	delete(p.all, c)
	p.taken--
	if s := p.sources[c.source]; s.taken > 1 {
		s.taken--
	} else {
		delete(p.sources, c.source)
	}
}

// unproven are those that have not proved the token.
func (p *places) unproven() []*place {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []*place
	for e := p.waiting.Front(); e != nil; e = e.Next() {
		all = append(all, e.Value.(*place))
	}
	return all
}

// endAll ends every connection.
func (p *places) endAll() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.all {
		c.end()
	}
}
