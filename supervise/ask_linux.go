package supervise

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/sys/unix"
)

// asksName reports whether an attempt stands for a DNS question: a datagram to a resolver's port, for a name.
func asksName(a attempt.Attempt) bool {
	return a.Protocol == attempt.UDP && a.Destination.Port() == dnsPort && a.Name != ""
}

// ask asks for the address of a name on a connected UDP socket. The outcome is connected where any answer comes.
func ask(ctx context.Context, fd int, name string) (attempt.Outcome, error) {
	n, err := dnsmessage.NewName(name + ".")
	if err != nil {
		return attempt.Outcome{}, fmt.Errorf("ask for %s: %w", name, err)
	}
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: uint16(time.Now().UnixNano()), RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: n, Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}},
	}
	b, err := m.Pack()
	if err != nil {
		return attempt.Outcome{}, fmt.Errorf("ask for %s: %w", name, err)
	}
	if _, err := unix.Write(fd, b); err != nil {
		return ended(err), nil
	}
	p := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
	for {
		ready, err := unix.Poll(p, int(pollSlice.Milliseconds()))
		if err != nil && err != unix.EINTR {
			return attempt.Outcome{}, fmt.Errorf("poll: %w", err)
		}
		if ready == 1 {
			_, err := unix.Read(fd, make([]byte, 512))
			return ended(err), nil
		}
		if err := ctx.Err(); err != nil {
			if errors.Is(err, context.DeadlineExceeded) {
				return attempt.Outcome{Kind: attempt.TimedOut}, nil
			}
			return attempt.Outcome{}, err
		}
	}
}
