package supervise

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
)

// Options says what to run and what to change.
type Options struct {
	Path string   // the file to execute
	Args []string // its arguments, Args[0] included
	Env  []string // nil: this process's environment

	Profile *profile.Profile // nil: nothing is enforced
	Elide   Elide

	// OnStep is called for each step of each life, before the program gets the answer; the
	// supervisor's goroutines call it, one at a time for one life. It must not keep the pointers.
	OnStep func(*attempt.Life, *attempt.Step)
	// Where, if not nil, is asked for the call stack of a thread whose call failed, or left a connect in progress, before it gets the
	// answer.
	Where func(tid int) []attempt.Frame
	// WhereAll asks Where of every bind and connect, also those that succeed.
	WhereAll bool
	// OnFailed is called with a copy of the life when one of its attempts has failed.
	OnFailed func(*attempt.Life, attempt.Result)

	// OnStalled, if not nil, is called with a copy of the life when one of its connections has stalled. TCP connections are sampled then.
	OnStalled func(*attempt.Life)
	// Endings has lives tell what became of their TCP connections: Life.Ending.
	Endings bool
	// OnFull is called when a process has all the descriptors in use that it may have, limit of them, before its call is answered:
	// its next socket(2) would fail, unseen. cookie is the last socket's.
	OnFull func(p *attempt.Process, cookie uint64, limit int)
	// OnDial, if not nil, is asked before a TCP connect is made whether it leads to a proxy. What the two say to each other at first is
	// listened to then, where CAP_NET_RAW allows it; see Heard. The program waits meanwhile.
	OnDial func(p *attempt.Process, to netip.AddrPort) bool
	// Scratch is a directory that a keeper, where one takes over, removes when the last process has ended; "" for none.
	Scratch string

	MaxLives int  // how many lives are remembered; 0: 16,384
	Locals   bool // record each connected socket's own address
	Inject   bool // work by socket injection even where pidfd_getfd(2) is to be had
}

// Elide says which binds of client sockets are answered and not performed.
type Elide struct {
	TCP      bool
	UDP      bool // UDP servers never call listen: their binds cannot be told from a client's
	KeepPort bool // a bind that asks for a port of its own is performed all the same
}

// Exit is how the program ended.
type Exit struct {
	Status int // its exit status, 0 where a signal ended it
	Signal int // the signal that ended it, or 0
}
