package probing

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/supervise"
)

// name is what findings call this process by.
const name = "sallyport-probe"

// maxExplained is how many failures are explained: whoever has more needs the first ones first, and each costs attempts of its own.
const maxExplained = 6

// explainer asks why attempts failed, as run does of a program's: by what this host says, and by the same attempts with one thing changed.
type explainer struct {
	investigation *diagnose.Investigation
	lives         []*attempt.Life
	seen          map[failure]int
}

// failure is what failures have in common that have one explanation.
type failure struct {
	to      netip.Addr
	source  attempt.SourceKind
	stage   probe.Stage
	outcome attempt.Outcome
}

// alike is how many failures of one kind at one address are asked about: more of them most likely say the same, a closed port more than silence does.
func (f *failure) alike() int {
	if f.outcome.Kind == attempt.Refused {
		return 1
	}
	return 3
}

func newExplainer() *explainer {
	tries := supervise.New(supervise.Options{})
	return &explainer{investigation: diagnose.New(tries, diagnose.ReadFacts, diagnose.Options{}), seen: map[failure]int{}}
}

// add takes a result in, and begins to ask about it where it failed.
func (x *explainer) add(r *probe.Result) {
	if len(x.lives) >= maxExplained || r.Foreign || r.NoPort || r.Device != "" || r.Protocol != attempt.TCP {
		return
	}
	bind := r.Stage == probe.StageBind
	switch {
	case r.Verdict != probe.Denied && r.Outcome.Kind != attempt.Refused, r.Stage != probe.StageConnect && !bind:
		return
	case !bind && r.Source.Kind != attempt.SourceNone: // the contrast with no bind tells that
		return
	}
	f := failure{r.Destination.Addr(), r.Source.Kind, r.Stage, r.Outcome}
	if bind {
		f.to = netip.Addr{}
	}
	if x.seen[f] >= f.alike() || bind && x.seen[f] > 0 {
		return
	}
	x.seen[f]++
	l := lifeOf(r)
	x.lives = append(x.lives, l)
	for _, one := range l.Attempts() {
		x.investigation.Failed(l, one)
	}
}

// lifeOf is the life of the socket that an attempt was made with.
func lifeOf(r *probe.Result) *attempt.Life {
	l := &attempt.Life{
		Process: &attempt.Process{PID: os.Getpid(), Command: []string{name}}, FD: -1,
		Protocol: r.Protocol, Family: attempt.FamilyOf(r.Destination.Addr()), Local: r.Local,
	}
	if r.Source.Kind != attempt.SourceNone {
		s := attempt.Step{Call: attempt.CallBind, Address: r.Source.Addr, At: r.Begin}
		if r.Stage == probe.StageBind {
			s.Errno, s.Took = r.Outcome.Errno, r.Took
		}
		if !s.Address.Addr().IsValid() {
			any := netip.IPv4Unspecified()
			if r.Destination.Addr().Is6() {
				any = netip.IPv6Unspecified()
			}
			s.Address = netip.AddrPortFrom(any, r.Source.Addr.Port())
		}
		l.Steps = append(l.Steps, s)
	}
	if r.Stage != probe.StageBind {
		errno := r.Outcome.Errno
		if r.Outcome.Kind == attempt.TimedOut {
			errno = attempt.ETIMEDOUT
		}
		l.Steps = append(l.Steps, attempt.Step{Call: attempt.CallConnect, Errno: errno, Address: r.Destination, Name: r.Name, At: r.Begin, Took: r.Took})
	}
	return l
}

// findings waits for what was asked, until ctx ends.
func (x *explainer) findings(ctx context.Context) []diagnose.Finding {
	defer x.investigation.Close()
	if len(x.lives) == 0 {
		return nil
	}
	list, _ := x.investigation.Findings(ctx, x.lives)
	for i := range list {
		list[i].Summary = strings.Replace(list[i].Summary, fmt.Sprintf("%s (pid %d)", name, os.Getpid()), "the probe", 1)
	}
	return list
}

// layers are the causes that tell who denied an attempt.
var layers = map[string]probe.Layer{
	"bind-denied": probe.LocalCall, "bind-privileged-port": probe.LocalCall, "connect-denied": probe.LocalCall, "denied-by-cgroup": probe.LocalCall,
	"denied-by-landlock": probe.LocalCall, "socket-denied": probe.LocalCall,
	"denied-by-route": probe.LocalRoute, "no-route": probe.LocalRoute, "no-ipv4": probe.LocalRoute, "no-ipv6": probe.LocalRoute, "reverse-path-filtered": probe.LocalRoute,
	"denied-by-netfilter": probe.LocalFirewall, "dropped-here": probe.LocalFirewall, "rejected-here": probe.LocalFirewall, "conntrack-full": probe.LocalFirewall,
	"port-filtered": probe.OnTheWay, "rejected-on-the-way": probe.OnTheWay, "host-down": probe.OnTheWay,
}

// tell puts what was found into the matrix.
func tell(m *probe.Matrix, list []diagnose.Finding) {
	for i := range list {
		f := &list[i]
		if l, known := layers[f.Cause]; known && f.Attempt.Destination.IsValid() {
			m.Denier(f.Attempt, l)
		}
	}
}
