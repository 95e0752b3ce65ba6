package diagnose

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// Trier makes an attempt again from where the program stands.
type Trier interface {
	// Try makes attempt a (a TCP connect, or a connected UDP socket; from a.Source where there is one) in
	// the network namespace of process pid, under the same profile, and reports how it ended. An error
	// means that it could not be made. It returns soon after ctx ends.
	Try(ctx context.Context, pid int, a attempt.Attempt) (attempt.Outcome, error)
}

// Options alter an investigation. The zero value is the default.
type Options struct {
	NoCounterfactuals bool          // make none
	Timeout           time.Duration // for one counterfactual; 0: DefaultTimeout
	Profile           string        // the profile that it was run under, for the same; "": none
	Program           []string      // the command that was run, for remedies that can be pasted; nil: CMD ARG...
}

// DefaultTimeout is how long one counterfactual may take: a SYN and its first retransmission (1 s,
// RFC 6298), and time for the second to be answered. Longer would hold up the report for nothing.
const DefaultTimeout = 3 * time.Second

const (
	concurrentTries = 8  // counterfactuals under way at once, so that they load nothing
	distinctTries   = 64 // attempts that get counterfactuals: a port scanner has no use for more
)

// Investigation makes counterfactuals while a program runs, and findings when it has ended.
// It is safe for concurrent use.
type Investigation struct {
	trier   Trier
	facts   func() Facts
	options Options
	now     func() time.Time // time.Now but in tests
	capOf   func(pid int) Answer

	ctx     context.Context // ends with Close
	cancel  context.CancelFunc
	slots   chan struct{} // one token a counterfactual under way
	running sync.WaitGroup

	mu     sync.Mutex
	closed bool
	tried  map[attempt.Attempt]*experiment
	paths  paths
	sizes  map[netip.AddrPort]*sizes // of stalled connections, by destination
	full   map[int]*fullness         // by pid
	ended  bool                      // Ended was called, with status
	status int

	lookups []attempt.Lookup

	// Of Findings alone, which is called when the program has ended.
	asked   map[questionKey]attempt.Lookup
	origins map[attempt.Attempt]origin
	mute    map[netip.AddrPort]bool // servers that left a question of ours unanswered
	directs int                     // attempts to other addresses of a name
	dials   dials
	heard   []proxy.Exchange
}

// experiment is all that was tried for one distinct failed attempt.
type experiment struct {
	done chan struct{} // closed once the other fields are complete
	cfs  []Counterfactual
	left []string // what could not be tried, in words
	cap  Answer   // the process had CAP_NET_BIND_SERVICE

	denial denial
	ports  portUse
	here   here // what this machine itself does with it
	path   path // what was seen of the way there

	listening listening // of a refusal within this machine

	env     map[string]string // the process's environment; nil where it could not be read
	place   Platform          // what marks where the process runs
	cluster clusterName       // what the cluster's DNS says of the destination
	sizes   *sizes            // of packets to the other end of a stalled connection; nil: none was sent
}

// New begins an investigation. A nil t makes no counterfactuals. facts, usually ReadFacts, is called at
// most once, and only when an attempt failed; nil knows nothing.
func New(t Trier, facts func() Facts, o Options) *Investigation {
	if facts == nil {
		facts = func() Facts { return Facts{UnprivilegedMin: -1} }
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Investigation{
		trier: t, facts: sync.OnceValue(facts), options: o, now: time.Now, capOf: capBindService,
		ctx: ctx, cancel: cancel, slots: make(chan struct{}, concurrentTries),
		tried: make(map[attempt.Attempt]*experiment),
	}
}

// Failed is called when attempt r of life l failed, from any goroutine; it returns at once. Of l it
// reads the process, before it returns. The counterfactuals run in goroutines that end with Close, at
// the latest Options.Timeout after they began.
func (v *Investigation) Failed(l *attempt.Life, r attempt.Result) {
	if !r.Failed() {
		return
	}
	pid := 0
	if l.Process != nil {
		pid = l.Process.PID
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed || v.tried[r.Attempt] != nil || len(v.tried) >= distinctTries {
		return
	}
	e := &experiment{done: make(chan struct{})}
	e.env, _ = environ(pid) // at once: the process may be about to end
	e.place = readPlatformOf(pid, e.env)
	v.tried[r.Attempt] = e
	var finishDenial func(*denial)
	e.denial, finishDenial = v.beginDenial(pid, r)
	if wantsPorts(r) {
		e.ports = readPorts(pid, r)
	}
	v.running.Add(1)
	from := standpointOf(l)
	if v.trier != nil {
		e.listening = from.listening(pid, r, !v.options.NoCounterfactuals)
	}
	go func() {
		defer v.running.Done()
		defer close(e.done)
		defer from.close()
		if r.Call == attempt.CallBind && r.Source.Addr.Port() != 0 {
			e.cap = v.capOf(pid) // at once: the process may be about to end
		}
		finishDenial(&e.denial)
		v.experiment(e, pid, r, from)
	}()
}

// experiment makes the counterfactuals of a failed attempt, all at the same time.
func (v *Investigation) experiment(e *experiment, pid int, r attempt.Result, from *standpoint) {
	if v.trier == nil || v.options.NoCounterfactuals {
		return
	}
	facts := v.facts().of(e)
	trials := trials(r, facts)
	cfs, errs := make([]Counterfactual, len(trials)), make([]error, len(trials))
	var wg sync.WaitGroup
	wg.Go(func() { e.here = from.look(v.ctx, r) })
	wg.Go(func() { e.listening.lookElsewhere(from, r.Destination.Port()) })
	wg.Go(func() { e.path = v.lookAtPath(pid, r) })
	wg.Go(func() { e.cluster = v.askCluster(pid, r, facts.Platform) })
	for i, t := range trials {
		wg.Go(func() { cfs[i], errs[i] = v.try(v.ctx, pid, t) })
	}
	wg.Wait()
	for i, err := range errs {
		if err == nil && trials[i].ownSource && cfs[i].Outcome.Errno == attempt.EADDRNOTAVAIL {
			continue // no address of the program's network namespace
		}
		if err == nil {
			e.cfs = append(e.cfs, cfs[i])
		} else if v.ctx.Err() == nil {
			e.left = append(e.left, trials[i].change+": could not be tried: "+err.Error())
		}
	}
}

// try makes one counterfactual within the timeout, once there is a slot for it.
func (v *Investigation) try(ctx context.Context, pid int, t trial) (Counterfactual, error) {
	select {
	case v.slots <- struct{}{}:
		defer func() { <-v.slots }()
	case <-ctx.Done():
		return Counterfactual{}, ctx.Err()
	}
	limit, cancel := context.WithTimeout(ctx, v.options.Timeout)
	defer cancel()
	c := Counterfactual{Change: t.change, Attempt: t.attempt}
	begin := time.Now()
	var err error
	if t.proxy != nil {
		c.Outcome, c.Detail, err = v.byProxy(limit, pid, t)
	} else {
		c.Outcome, err = v.trier.Try(limit, pid, t.attempt)
	}
	c.Took = time.Since(begin)
	if !t.attempt.Protocol.Stream() && c.Outcome.Kind == attempt.Connected {
		c.Detail = "that is, there is a route; nothing was sent"
	}
	switch {
	case ctx.Err() != nil:
		return c, ctx.Err()
	case limit.Err() != nil && (err == nil && c.Outcome.Kind != attempt.Connected || errors.Is(err, context.DeadlineExceeded)):
		c.Outcome, err = attempt.Outcome{Kind: attempt.TimedOut}, nil
	}
	return c, err
}

// result is what was tried for an attempt; it waits for it until ctx ends.
func (v *Investigation) result(ctx context.Context, a attempt.Attempt) *experiment {
	v.mu.Lock()
	e := v.tried[a]
	v.mu.Unlock()
	if e == nil {
		return &experiment{}
	}
	select {
	case <-e.done:
		return e
	case <-ctx.Done():
		return &experiment{left: []string{"what was tried with one thing changed had not ended when the report was made"}}
	}
}

// Close ends every counterfactual and waits until they are gone. Failed does nothing from then on.
func (v *Investigation) Close() {
	v.mu.Lock()
	v.closed = true
	v.mu.Unlock()
	v.cancel()
	v.running.Wait()
}
