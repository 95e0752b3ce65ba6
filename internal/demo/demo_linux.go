package demo

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
)

// Name is what the case's server is called.
const Name = "banks.freenode.net"

// Options say what to play, and who is told of it. The functions are called in order, by Play itself.
type Options struct {
	Python bool         // let Python run the scripts
	Start  func(*Stage) // the network is there
	Begin  func(*Run)   // told of each run before it is waited for: what it does is known, what it saw is not
	End    func(*Run)
}

// The networks that a demo can take place in.
const (
	Namespaces = "namespaces" // a user and a network namespace
	Loopback   = "loopback"   // this machine's own network, by way of its loopback device
)

// Stage is where a demo takes place.
type Stage struct {
	Network string // Namespaces or Loopback
	Because string // why it is Loopback; "" for Namespaces
	Server  netip.AddrPort
	Gear    netip.Addr // the address that the kernel sends from
	Profile string     // the name of the profile that is enforced
	Variant string     // how the profile differs from the built-in one; "" for not at all
}

// Run is one run of a script, and what came of it.
type Run struct {
	Script      int    // 1 to 3
	Does        string // what the script does, as a verb phrase
	WithoutBind bool   // run with --without-bind
	Program     []string

	Saw        string          // all that the program wrote
	Outcome    attempt.Outcome // what it wrote of how its attempt ended
	Local      netip.AddrPort  // where it said that it connected from; not valid where it did not connect
	ExitStatus int             // 128 + signal where it died by one
	Took       time.Duration
	Findings   []diagnose.Finding
	Notes      []diagnose.Note
	Lives      []*attempt.Life
	Want       attempt.Outcome // how it ends in the case
}

// Play plays the case. ctx ends it early: Play then returns ctx's error, and nothing is left of it in any case.
func Play(ctx context.Context, o Options) error {
	var dir string
	if o.Python {
		var err error
		if dir, err = writeScripts(); err != nil {
			return err
		}
		defer os.RemoveAll(dir)
	}
	p := &player{Options: o}
	err := playInNamespaces(ctx, dir, p)
	if err != nil && p.stage == nil && ctx.Err() == nil {
		err = playOnLoopback(ctx, dir, fmt.Sprint(err), p)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// player tells of a play as it goes on.
type player struct {
	Options
	stage *Stage // nil until it is known
	plan  []Run
	done  int
}

func (p *player) start(s *Stage) {
	p.stage, p.plan = s, plan(s, p.Python)
	p.Start(s)
	p.begin()
}

func (p *player) begin() {
	if p.done < len(p.plan) {
		p.Begin(&p.plan[p.done])
	}
}

func (p *player) end(r *Run) {
	p.End(r)
	p.done++
	p.begin()
}

// perform makes the runs, all at the same time, and tells of each in order. The goroutines end with perform.
func perform(ctx context.Context, s *Stage, dir string, end func(*Run) error) error {
	ctx, cancel := context.WithCancel(ctx)
	type result struct {
		run *Run
		err error
	}
	var results []chan result
	for _, r := range plan(s, dir != "") {
		ch := make(chan result, 1)
		results = append(results, ch)
		go func() {
			err := supervised(ctx, &r, s, dir)
			ch <- result{&r, err}
		}()
	}
	var first error
	for i, ch := range slices.All(results) {
		r := <-ch
		if first == nil && r.err != nil {
			first = fmt.Errorf("run %d of %d: %w", i+1, len(results), r.err)
		} else if first == nil {
			first = end(r.run)
		}
		if first != nil {
			cancel() // the others need not end by themselves
		}
	}
	cancel()
	return first
}
