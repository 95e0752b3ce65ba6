package measure

import (
	"context"
	"time"
)

// An attempt that nobody has answered is tried again by one more socket, while those that it has go on waiting: the first to be answered
// counts. How often depends on what the network loses (see noise.want). Up to the timeout that happens at its half and at three quarters; where answers
// have shown that packets are lost, as long again is waited, with one more socket in each eighth of it.

const (
	// mostLacking is for how many times the timeout an attempt waits for a port, or a descriptor, that others of this process have.
	mostLacking = 20

	firstParts = 4
	extraParts = 8
)

// lookAt is when to look at an attempt after at: at the next part of its time.
func (w *worker) lookAt(c *call, at time.Duration) time.Duration {
	t := w.s.limits.Timeout
	if c.open == 0 {
		return at + momentPause
	}
	if c.extra {
		part := t / extraParts
		return min((at/part+1)*part, c.until)
	}
	part := t / firstParts
	return max(2*part, min((at/part+1)*part, c.until))
}

// sweep looks at the attempts whose time has come.
func (w *worker) sweep(ctx context.Context, now time.Time) {
	w.sweepAt = time.Time{}
	for _, c := range w.calls {
		if c == nil {
			continue
		}
		if at := now.Sub(c.Begin); at >= c.next {
			w.look(ctx, c, at)
		} else {
			w.sweepBy(c.Begin.Add(c.next))
		}
	}
}

// look decides whether an attempt that waits is silent, or is to be tried again.
func (w *worker) look(ctx context.Context, c *call, at time.Duration) {
	if c.open == 0 { // what it lacked may be there now
		mayEnd := c.Source.Addr.Port() == 0 && w.s.holding.Load() > 0 // attempts that have what it lacks
		if at >= c.until && !(mayEnd && at < mostLacking*w.s.limits.Timeout) {
			w.end(c, c.errno)
			return
		}
		w.try(ctx, c, 0)
		return
	}
	sent := 0
	for k := range c.sockets[:c.open] {
		sent += syns(c.until - c.sockets[k].at)
	}
	want := w.s.noise.want(&c.host.noise, w.s.limits.Rate > 0)
	loss := max(w.s.noise.loss(), c.host.noise.loss())
	switch {
	case at < c.until:
		if sent < want && c.open < maxSockets {
			w.s.again()
			w.try(ctx, c, at)
			return
		}
	case sent < want && loss > 0 && !c.extra:
		w.s.notices.add(Notice{Kind: Noisy, Percent: max(int(100*loss), 1)})
		c.extra = true
		c.until += w.s.limits.Timeout
		w.s.again()
		w.try(ctx, c, at)
		return
	default:
		c.doubt = sent < want && loss > 0
		c.host.noise.silent.Add(1)
		w.s.noise.silent.Add(1)
		c.Local = localOf(int(c.sockets[0].fd))
		w.end(c, silent)
		return
	}
	c.next = w.lookAt(c, at)
	w.sweepBy(c.Begin.Add(c.next))
}
