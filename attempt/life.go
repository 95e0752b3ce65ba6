package attempt

import (
	"fmt"
	"net/netip"
	"time"
)

// Call is one of the calls that make up a socket's life.
type Call uint8

// The calls. CallReady and CallClose were not trapped but seen from outside: the end of a connect that was
// left in progress, and that the program has closed the socket (with Errno ECANCELED) meanwhile.
const (
	CallSocket Call = iota + 1
	CallBind
	CallConnect
	CallListen
	CallSendto
	CallSendmsg
	CallSendmmsg
	CallSoError // getsockopt(SOL_SOCKET, SO_ERROR); the step's Errno is the value it read
	CallReady
	CallClose
	CallSetsockopt
)

var callNames = [...]string{
	CallSocket: "socket", CallBind: "bind", CallConnect: "connect", CallListen: "listen", CallSendto: "sendto",
	CallSendmsg: "sendmsg", CallSendmmsg: "sendmmsg", CallSoError: "getsockopt(SO_ERROR)", CallReady: "poll",
	CallClose: "close", CallSetsockopt: "setsockopt",
}

// String is the call's name as its manual page has it.
func (c Call) String() string {
	if int(c) < len(callNames) && callNames[c] != "" {
		return callNames[c]
	}
	return fmt.Sprintf("call %d", uint8(c))
}

// Send reports whether the call sends data to an address that it names.
func (c Call) Send() bool { return c == CallSendto || c == CallSendmsg || c == CallSendmmsg }

// How says who answered a call, and so how sure its result is.
type How uint8

// The ways of answering a call.
const (
	Performed How = iota // the kernel's own answer to the call with these arguments
	Elided               // not performed: --without-bind answered 0
	Decided              // a profile's rule answered
	Inferred             // the program made the call itself; the result was read off the socket afterwards
	Unseen               // the program made the call itself, and its result could not be seen
)

var howNames = [...]string{
	Performed: "performed", Elided: "elided", Decided: "decided", Inferred: "inferred", Unseen: "unseen",
}

// String is the word that reports use.
func (h How) String() string {
	if int(h) < len(howNames) {
		return howNames[h]
	}
	return fmt.Sprintf("how %d", uint8(h))
}

// Step is one call in a socket's life.
type Step struct {
	Call    Call
	How     How
	TID     int32          // the thread that made it, in sallyport's pid namespace
	Errno   Errno          // 0 when it succeeded
	Result  int64          // the return value when it succeeded: 0, or the bytes sent
	Count   int            // how often it was made, alike and in a row; 0 and 1 both mean once
	Address netip.AddrPort // the address it named; not valid where it named none
	Name    string         // the DNS name behind Address when it was made; "" where not known
	Hosts   *HostsEntry    // where Name is from, if that is the program's /etc/hosts; nil for a name that was looked up
	Detail  string         // what setsockopt or socket was called with, "SO_MARK, 0x10"; "" for the others
	Device  string         // of a connect or send that did not succeed: the network device that its socket is bound to; "" for none
	At      time.Time      // when it was made (the first of Count)
	Took    time.Duration  // how long until it was answered (the last of Count)
	Rule    string         // for Decided: the rule in words, "openshift-v2-gear, bind rule 1"
	Where   []Frame        // the call stack that made it, innermost first; nil where it was not looked at or not known
}

// Process is the process that made a socket's calls.
type Process struct {
	PID     int      // thread group id, in sallyport's pid namespace
	Command []string // its command line when it was read; nil where it could not be
	Exe     string   // path of the running file; "" where it could not be read
}

// Life is the record of one socket, keyed by its kernel cookie (socket(7), SO_COOKIE).
type Life struct {
	Cookie   uint64 // 0 where the kernel would not tell
	Netns    uint64 // of its network namespace, SO_NETNS_COOKIE; 0 where the kernel would not tell (before Linux 5.14)
	Process  *Process
	FD       int // the descriptor that its first call was made on
	Protocol Protocol
	Family   Family
	Local    netip.AddrPort // its own address once it was seen to have one
	Steps    []Step
	Traffic  *Traffic // of a TCP connection that lasted; nil where it was not sampled
	Ending   *Ending  // of a TCP connection that is over; nil where it was not heard of
}

// Result is one attempt out of a life, and how it ended.
type Result struct {
	Attempt
	Outcome Outcome
	Begin   time.Time
	End     time.Time // when its outcome was known; Begin + its steps' time where it never was
	First   int       // index of the step of the life that began it: its bind, if there was one
	Last    int       // index of the last step that belongs to it
	Call    Call      // the call that the outcome came from: CallBind when the bind itself failed
	Elided  bool      // its bind was elided by --without-bind
	Decided bool      // a profile's rule made the outcome
}

// Failed reports whether the attempt ended, and not in a connection.
func (r *Result) Failed() bool {
	return r.Outcome.Kind != Connected && r.Outcome.Kind != InProgress && r.Outcome.Kind != Cancelled
}

// Attempts reads the attempts off a life, in order. A bind that failed is an attempt without a
// destination; a socket that went on to listen was a server's, and its binds and listens are no attempts
// unless they failed.
func (l *Life) Attempts() []Result {
	var out []Result
	var bind *Step // the bind in force
	bindAt := -1
	open := -1 // index in out of a connect still in progress
	for i := range l.Steps {
		s := &l.Steps[i]
		end := s.At.Add(s.Took)
		switch {
		case (s.Call == CallSetsockopt || s.Call == CallSocket) && s.Errno != 0:
			out = append(out, Result{
				Attempt: Attempt{Protocol: l.Protocol}, Outcome: bindOutcome(s.Errno), Begin: s.At, End: end, First: i, Last: i, Call: s.Call,
			})
		case s.Call == CallBind && s.Errno != 0:
			out = append(out, Result{
				Attempt: Attempt{Protocol: l.Protocol, Source: SourceOf(s.Address)},
				Outcome: bindOutcome(s.Errno), Begin: s.At, End: end, First: i, Last: i, Call: CallBind,
				Decided: s.How == Decided,
			})
		case s.Call == CallBind:
			bind, bindAt = s, i
		case s.Call == CallConnect && !s.Address.IsValid():
			bind, bindAt, open = nil, -1, -1 // AF_UNSPEC dissolves the association, connect(2)
		case s.Call == CallConnect && open >= 0 && out[open].Destination == s.Address:
			o := &out[open]
			o.Last, o.End = i, end
			if r := OutcomeOf(s.Errno); r.Kind != InProgress {
				o.Outcome = r
				if s.Errno != EINTR {
					open = -1
				}
			}
		case s.Call == CallConnect || s.Call.Send():
			r := Result{
				Attempt: Attempt{Protocol: l.Protocol, Destination: s.Address, Name: s.Name, Device: s.Device},
				Outcome: OutcomeOf(s.Errno), Begin: s.At, End: end, First: i, Last: i, Call: s.Call,
				Decided: s.How == Decided,
			}
			if s.Call.Send() && r.Outcome.Kind == InProgress {
				r.Outcome = Outcome{Cancelled, s.Errno} // a full buffer: nothing was tried
			}
			if bind != nil {
				r.Source, r.First, r.Elided = SourceOf(bind.Address), bindAt, bind.How == Elided
			}
			if s.How == Unseen {
				r.Outcome = Outcome{}
			}
			out = append(out, r)
			if s.Call == CallConnect && (r.Outcome.Kind == InProgress || s.Errno == EINTR) {
				open = len(out) - 1 // an interrupted connect goes on, connect(2)
			}
		case (s.Call == CallSoError || s.Call == CallReady) && open >= 0:
			o := &out[open]
			o.Last, o.End = i, end
			switch {
			case s.Call == CallSoError && s.Errno == 0 && o.Outcome.Kind == InProgress:
				// read before the connect had ended: says nothing
			case s.Call == CallReady && s.Errno == 0 && s.Result < 0:
				o.Outcome = Outcome{Kind: Failed} // over, and the errno is the program's to read
			default:
				o.Outcome = OutcomeOf(s.Errno)
				if s.Call == CallSoError {
					open = -1
				}
			}
		case s.Call == CallClose && open >= 0:
			o := &out[open]
			o.Last, o.End = i, end
			o.Outcome = Outcome{Kind: Cancelled}
			open = -1
		case s.Call == CallListen:
			open = -1
		}
	}
	for i := range out {
		if o := &out[i]; o.Outcome.Kind == Cancelled && o.Call == CallConnect && o.End.Sub(o.Begin) >= silence {
			o.Outcome.Kind = TimedOut
		}
	}
	return out
}

// silence is how long a connect must have gone unanswered for "timed out" to be the right word where the program gave up
// before the kernel did: the initial retransmission timeout, RFC 6298 section 2.
const silence = time.Second

// bindOutcome is the outcome of an attempt that ended at its bind.
func bindOutcome(e Errno) Outcome {
	if e == EACCES || e == EPERM {
		return Outcome{Denied, e}
	}
	return Outcome{Failed, e}
}
