package diagnose

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"syscall"

	"github.com/sallyport/sallyport/attempt"
)

// Dialer is a Trier that can also hand over a connection, for what has to be asked on it.
type Dialer interface {
	Trier
	// Dial makes a TCP connection from where the program stands, as Try does. It is the caller's to close.
	Dial(ctx context.Context, pid int, to netip.AddrPort) (*os.File, error)
}

// errNoDialer says that the Trier is none.
var errNoDialer = errors.New("there is no way to connect from where the program stands")

// dial makes a connection of our own, and bounds what is done on it by ctx.
func (v *Investigation) dial(ctx context.Context, pid int, to netip.AddrPort) (*os.File, error) {
	d, ok := v.trier.(Dialer)
	if !ok {
		return nil, errNoDialer
	}
	conn, err := d.Dial(ctx, pid, to)
	if err != nil {
		return nil, err
	}
	if deadline, ok := ctx.Deadline(); ok {
		err = conn.SetDeadline(deadline)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// dialOutcome is how a dial ended; ok is false where it could not be tried.
func dialOutcome(err error) (o attempt.Outcome, ok bool) {
	var errno syscall.Errno
	switch {
	case err == nil:
		return attempt.Outcome{Kind: attempt.Connected}, true
	case errors.Is(err, context.DeadlineExceeded):
		return attempt.Outcome{Kind: attempt.TimedOut}, true
	case errors.As(err, &errno):
		return attempt.OutcomeOf(attempt.Errno(errno)), true
	}
	return attempt.Outcome{}, false
}
