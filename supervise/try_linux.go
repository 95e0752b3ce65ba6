package supervise

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/profile"
	"golang.org/x/sys/unix"
)

// Try makes an attempt anew, by a socket of our own, from the network namespace of a process of the program and under
// the same profile, and reports how it ended: a counterfactual, where the caller changed something in the attempt. Nothing
// is sent on the connection. For UDP it is a connect, which asks the routing alone; but to
// port 53 with a name it is a DNS question for that name. ctx bounds it: an attempt without
// an answer by then has timed out. The error says that it could not be made.
func (s *Supervisor) Try(ctx context.Context, pid int, a attempt.Attempt) (attempt.Outcome, error) {
	if !a.Destination.IsValid() {
		return attempt.Outcome{}, errors.New("an attempt without a destination cannot be made")
	}
	if s.enforcing() {
		if o, denied := s.decide(a); denied {
			return o, nil
		}
	}
	var o attempt.Outcome
	err := inNamespaceOf(pid, func() error {
		var err error
		o, err = try(ctx, a)
		return err
	})
	return o, err
}

func enterNamespace(path string) error {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("open the program's network namespace: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("enter the program's network namespace: %w", err)
	}
	return nil
}

// decide is what the profile says of an attempt, where it denies it.
func (s *Supervisor) decide(a attempt.Attempt) (attempt.Outcome, bool) {
	p := s.opts.Profile
	if a.Source.Kind != attempt.SourceNone {
		if d := p.DecideBind(a.Protocol, a.Source.Addr); d.Verdict.Kind != profile.Allow {
			return attempt.Outcome{Kind: attempt.Denied, Errno: d.Verdict.Errno}, true
		}
	}
	d := p.DecideEgress(a)
	switch d.Verdict.Kind {
	case profile.Allow:
		return attempt.Outcome{}, false
	case profile.Drop:
		return attempt.OutcomeOf(attempt.ETIMEDOUT), true
	case profile.Refuse:
		return attempt.OutcomeOf(attempt.ECONNREFUSED), true
	case profile.Unreachable:
		return attempt.OutcomeOf(attempt.EHOSTUNREACH), true
	}
	return attempt.OutcomeOf(d.Verdict.Errno), true
}

// try makes an attempt in this thread's network namespace.
func try(ctx context.Context, a attempt.Attempt) (attempt.Outcome, error) {
	domain, typ := unix.AF_INET, unix.SOCK_STREAM
	if a.Destination.Addr().Unmap().Is6() {
		domain = unix.AF_INET6
	}
	if !a.Protocol.Stream() {
		typ = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, typ|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return attempt.Outcome{}, fmt.Errorf("make a socket: %w", err)
	}
	defer unix.Close(fd)
	if a.Device != "" {
		if err := unix.BindToDevice(fd, a.Device); err != nil {
			return attempt.Outcome{}, fmt.Errorf("bind a socket to device %s: %w", a.Device, err)
		}
	}
	if a.Source.Kind != attempt.SourceNone {
		// A port that was asked for is taken by the program itself: the address is what is tried.
		from := netip.AddrPortFrom(a.Source.Addr.Addr().Unmap(), 0)
		if err := unix.Bind(fd, unixSockaddr(from)); err != nil {
			return ended(err), nil
		}
	}
	to := netip.AddrPortFrom(a.Destination.Addr().Unmap(), a.Destination.Port())
	if asksName(a) {
		hearICMP(fd, domain)
	}
	err = unix.Connect(fd, unixSockaddr(to))
	if err == nil && asksName(a) {
		return ask(ctx, fd, a.Name)
	}
	if err != unix.EINPROGRESS {
		return ended(err), nil
	}
	return awaitConnect(ctx, fd)
}

// pollSlice is how long a wait goes on before ctx is looked at again.
const pollSlice = 50 * time.Millisecond

func awaitConnect(ctx context.Context, fd int) (attempt.Outcome, error) {
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}
	for {
		n, err := unix.Poll(p, int(pollSlice.Milliseconds()))
		if err != nil && err != unix.EINTR {
			return attempt.Outcome{}, fmt.Errorf("poll: %w", err)
		}
		if n == 1 {
			e, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err != nil {
				return attempt.Outcome{}, fmt.Errorf("read SO_ERROR: %w", err)
			}
			return attempt.OutcomeOf(attempt.Errno(e)), nil
		}
		if err := ctx.Err(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return attempt.Outcome{Kind: attempt.TimedOut}, nil
			}
			return attempt.Outcome{}, err
		}
	}
}

// ended is the outcome of a call that ended with err.
func ended(err error) attempt.Outcome {
	var errno unix.Errno
	if err == nil || !errors.As(err, &errno) {
		return attempt.OutcomeOf(0)
	}
	return attempt.OutcomeOf(attempt.Errno(errno))
}
