package probe

import (
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// Stage is how far an attempt came.
type Stage uint8

// The stages, in their order.
const (
	StageResolve   Stage = iota // the name was to be resolved
	StageSocket                 // the socket was to be made, and its options set
	StageBind                   // bind(2)
	StageConnect                // connect(2), and what came of it
	StageProxy                  // the proxy was to lead there
	StageHandshake              // the other end was to say what it is
	StageDone
)

func (s Stage) String() string {
	return [...]string{"resolve", "socket", "bind", "connect", "proxy", "handshake", "done"}[s]
}

// Verdict is what an attempt shows of what client sockets may do. Only a conclusive one is a fact.
type Verdict uint8

// The verdicts.
const (
	Inconclusive Verdict = iota
	Allowed              // a connection came about, or an answer came back
	Denied               // a call failed, or what came back was not the other end's will
)

func (v Verdict) String() string { return [...]string{"inconclusive", "allowed", "denied"}[v] }

// Layer is who most likely denied an attempt.
type Layer uint8

// The layers, nearest first.
const (
	NoLayer       Layer = iota
	LocalCall           // the call itself was not permitted: a capability, seccomp, Landlock, an LSM, a cgroup program
	LocalRoute          // this host has no route, or no address of the family
	LocalFirewall       // a packet filter of this host, which fails the call
	OnTheWay            // silence, or an ICMP error
	AtProxy             // the proxy does not let it through, or is none
	BeyondProxy         // the proxy let it through, and had no connection
	FarEnd              // the host answered, and does not want it
)

func (l Layer) String() string {
	return [...]string{"", "local call", "local route", "local firewall", "on the way", "proxy", "beyond the proxy", "far end"}[l]
}

// Attempt is one try, made or to be made.
type Attempt struct {
	attempt.Attempt
	Target  *Target // what it is for; nil for one at a reflector of this process
	Variant string  // the name of the way in which the source was chosen: "no bind"
	NoPort  bool    // with a source without a port: IP_BIND_ADDRESS_NO_PORT (ip(7)), so that connect chooses the port

	Via     *Via // the proxy that it goes through; nil: none
	Foreign bool // the source is no address of this host

	Expected *Expectation // that it shows to be met or not; nil for none

	// Bare gives the connection up before it is complete: that the other end's kernel answers is all it shows, and no program there learns of it.
	Bare bool
}

// Result is what came of an attempt.
type Result struct {
	Attempt
	Stage   Stage // how far it came
	Outcome attempt.Outcome
	Verdict Verdict
	Layer   Layer          // of a denial
	Local   netip.AddrPort // its own address, once it had one
	Answer  *Answer        // what answered; nil where no handshake was made, or none came
	Begin   time.Time
	Took    time.Duration
	Tries   int        // how often it was made, at least 1: silence is tried again
	Words   string     // what else there is to know, one line
	Said    proxy.Kind // what the proxy made of it; None where there was none, or it was not reached

	Rejection Rejection // the ICMP error that ended it
	Neighbour bool      // nobody answered for the next hop's hardware address

	MTU       int       // of the path, as the kernel knew it at the end of a TCP connection; 0: there was none
	PeerMTU   int       // the packets that the other end's TCP took
	BlackHole BlackHole // where the handshake stalled of its segments' size; the zero value: it did not

	AtOnce bool // the call itself returned the errno, before anything could come back

	Times Times
}

// Times is how long the steps of an attempt took; 0 for those that were not made.
type Times struct {
	Connect   time.Duration // from the call to its end, whatever that was
	TLS       time.Duration // the handshake of TLS, where it came about
	Handshake time.Duration // all that was said after the connection came about, TLS apart
}

// Judge makes the verdict of an outcome, by what is sure of it alone.
func (r *Result) Judge() {
	if r.Via != nil && (r.Stage == StageProxy || r.Stage == StageHandshake) {
		r.judgeVia()
		return
	}
	defer r.judgeRejection()
	switch r.Outcome.Kind {
	case attempt.Connected:
		r.Verdict = Allowed
		if r.Protocol == attempt.UDP && r.Answer == nil { // connect(2) sends nothing
			r.Verdict = Inconclusive
		}
		if r.Target != nil && r.Target.ForReflector() && (r.Answer == nil || r.Answer.Reflected == nil) { // it may be something on the way that accepted
			r.Verdict = Inconclusive
		}
	case attempt.Refused: // a closed port answers like a firewall that rejects
		r.Verdict, r.Layer = Inconclusive, FarEnd
	case attempt.TimedOut:
		r.Verdict, r.Layer = Denied, OnTheWay
		switch {
		case r.BlackHole != (BlackHole{}): // shown by a counterfactual
		case r.Stage == StageHandshake: // many servers don't answer what they don't understand
			r.Verdict, r.Layer = Inconclusive, NoLayer
		case r.Protocol == attempt.UDP:
			r.Verdict = Inconclusive
		}
	case attempt.Unreachable:
		r.Verdict, r.Layer = Denied, OnTheWay
		if r.AtOnce {
			r.Layer = LocalRoute
		}
	case attempt.Denied:
		r.Verdict, r.Layer = Denied, LocalCall
		if r.Stage == StageHandshake && r.Outcome.Errno == attempt.EPERM { // of a send; a packet filter makes a connect time out, or be refused
			r.Layer = LocalFirewall
		}
		if r.Stage == StageConnect && r.Outcome.Errno == attempt.EACCES && !r.AtOnce {
			r.Layer = OnTheWay
		}
	case attempt.Reset:
		r.Verdict, r.Layer = Inconclusive, FarEnd
	case attempt.Failed:
		r.Verdict, r.Layer = Denied, LocalCall
		switch r.Outcome.Errno {
		case attempt.EADDRINUSE, attempt.EMFILE, attempt.ENFILE, attempt.ENOBUFS, attempt.ENOMEM, attempt.EAGAIN:
			r.Verdict, r.Layer = Inconclusive, NoLayer // of the moment, not of the place
		}
	}
}
