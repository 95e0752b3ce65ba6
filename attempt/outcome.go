package attempt

import "fmt"

// Kind is how an attempt ended.
type Kind uint8

// The ends of an attempt. InProgress, the zero value, is none yet.
const (
	InProgress Kind = iota
	Connected
	Refused
	TimedOut
	Unreachable
	Denied
	Reset
	NameNotFound
	Cancelled // the program gave up: closed the socket, was interrupted, or ended
	Failed    // any other errno
)

var kindNames = [...]string{
	InProgress: "in progress", Connected: "connected", Refused: "refused", TimedOut: "timed out",
	Unreachable: "unreachable", Denied: "denied", Reset: "reset", NameNotFound: "name not found",
	Cancelled: "cancelled", Failed: "failed",
}

// String is the kind as people read it: "timed out".
func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("outcome %d", uint8(k))
}

// Outcome is how an attempt ended, with the errno that the program was given, if it was.
// The zero value is in progress.
type Outcome struct {
	Kind  Kind
	Errno Errno // 0: none, or (Kind not Connected) not seen
}

// OutcomeOf is the outcome that a connect or a send ending in errno e stands for.
func OutcomeOf(e Errno) Outcome {
	switch e {
	case 0, EISCONN:
		return Outcome{Kind: Connected}
	case EINPROGRESS, EALREADY, EAGAIN:
		return Outcome{}
	case EINTR, ECANCELED:
		return Outcome{Cancelled, e}
	case ECONNREFUSED:
		return Outcome{Refused, e}
	case ETIMEDOUT:
		return Outcome{TimedOut, e}
	case ENETUNREACH, EHOSTUNREACH, ENETDOWN, EHOSTDOWN, ENONET:
		return Outcome{Unreachable, e}
	case EACCES, EPERM:
		return Outcome{Denied, e}
	case ECONNRESET, ECONNABORTED, EPIPE:
		return Outcome{Reset, e}
	}
	return Outcome{Failed, e}
}

// String is the kind, with the errno's name where there is one: "denied (EACCES)".
func (o Outcome) String() string {
	if o.Errno == 0 {
		return o.Kind.String()
	}
	return o.Kind.String() + " (" + o.Errno.Name() + ")"
}
