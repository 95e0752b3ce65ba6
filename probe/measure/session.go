//go:build linux

package measure

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/sallyport/sallyport/probe"
)

// maxAnswer is how many bytes of one answer are read, whatever the other end sends.
const maxAnswer = 64 << 10

// session is the conversation of one handshake. Reading is bounded in time by each step's deadline and by one for all, and in memory by maxAnswer.
type session struct {
	a       *probe.Attempt
	conn    io.ReadWriter // the socket, or TLS over it
	socket  deadliner
	in      *bufio.Reader
	timeout time.Duration
	until   time.Time      // for all steps together
	first   []byte         // the first bytes that came, at most firstBytes; over TLS, those inside of it
	read    int            // bytes that came
	sent    []byte         // the first bytes that were sent, at most firstBytes
	roots   *x509.CertPool // what is trusted; nil: what this host trusts
	reflect *Reflection    // nil: no token is there
}

type deadliner interface{ SetDeadline(time.Time) error }

const (
	firstBytes = 256
	maxSteps   = 4 // a handshake may take as long as so many steps
)

func newSession(a *probe.Attempt, f *os.File, timeout time.Duration) *session {
	s := &session{a: a, conn: f, socket: f, timeout: timeout, until: time.Now().Add(maxSteps * timeout)}
	s.in = bufio.NewReaderSize(s, 4096)
	return s
}

// Read is for in. It counts, and keeps the first bytes.
func (s *session) Read(b []byte) (int, error) {
	if s.read >= maxAnswer {
		return 0, errTooMuch
	}
	n, err := s.conn.Read(b[:min(len(b), maxAnswer-s.read)])
	s.read += n
	s.note(b[:n])
	return n, err
}

// note keeps the first bytes.
func (s *session) note(b []byte) {
	if room := firstBytes - len(s.first); room > 0 {
		s.first = append(s.first, b[:min(len(b), room)]...)
	}
}

var errTooMuch = fmt.Errorf("sent %d bytes, and still goes on", maxAnswer)

// step begins one more step: what is sent or read after it has the timeout.
func (s *session) step() error { return s.within(s.timeout) }

// within is step with a time of its own.
func (s *session) within(d time.Duration) error {
	until := time.Now().Add(d)
	if s.until.Before(until) {
		until = s.until
	}
	return s.socket.SetDeadline(until)
}

// say sends a few bytes, as one step with what is read after it.
func (s *session) say(b string) error {
	if err := s.step(); err != nil {
		return err
	}
	s.sent = append(s.sent, b[:min(len(b), firstBytes-len(s.sent))]...)
	_, err := io.WriteString(s.conn, b)
	return err
}

// line reads a line without its end.
func (s *session) line() (string, error) {
	b, err := s.in.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) {
		return "", errLongLine
	}
	if err != nil {
		return "", err
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

var errLongLine = errors.New("sent a line without an end")

// bytes reads exactly n bytes.
func (s *session) bytes(n int) ([]byte, error) {
	if n > maxAnswer {
		return nil, errTooMuch
	}
	b := make([]byte, n)
	_, err := io.ReadFull(s.in, b)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return b, err
}

// quietTime is how long a server is listened to whose answer is so short that another protocol's could begin so.
const quietTime = 200 * time.Millisecond

// quiet reports whether nothing more comes. It listens for twice as long as what came before had taken, since some servers send a byte a second.
func (s *session) quiet(asked time.Time) bool {
	if s.in.Buffered() > 0 {
		return false
	}
	if s.within(min(max(quietTime, 2*time.Since(asked)), s.timeout)) != nil {
		return false
	}
	_, err := s.in.Peek(1)
	return errors.Is(err, os.ErrDeadlineExceeded)
}

// ask sends a datagram, and once more when half of the time has passed, until an answer comes to which valid agrees.
func (s *session) ask(question func() []byte, valid func([]byte) bool) ([]byte, error) {
	b := make([]byte, 2048)
	other := false
	for try := range 2 {
		if err := s.within(s.timeout / 2); err != nil {
			return nil, err
		}
		if _, err := s.conn.Write(question()); err != nil {
			return nil, err
		}
		for range 16 {
			n, err := s.conn.Read(b)
			switch {
			case errors.Is(err, os.ErrDeadlineExceeded) && other:
				return nil, errOther
			case errors.Is(err, os.ErrDeadlineExceeded) && try == 0:
			case err != nil:
				return nil, err
			case valid(b[:n]):
				return b[:n], nil
			}
			if err != nil {
				break
			}
			other = true
			s.read += n
			s.note(b[:n])
		}
	}
	return nil, errOther
}

// Greeter makes handshakes.
type Greeter struct {
	// Roots are the authorities whose certificates are trusted; nil: those that this host trusts.
	Roots *x509.CertPool
	// Reflection has the token of the user's own reflectors; nil: there is none.
	Reflection *Reflection
}

// Meet is the handshake that an attempt's target expects, with the authorities that this host trusts.
func Meet(ctx context.Context, a *probe.Attempt, f *os.File, timeout time.Duration) (*probe.Answer, error) {
	return (&Greeter{}).Meet(ctx, a, f, timeout)
}

// Meet is the handshake that an attempt's target expects. Where it fails the error says how, and the answer what it was that answered, as
// far as its first bytes tell.
func (g *Greeter) Meet(ctx context.Context, a *probe.Attempt, f *os.File, timeout time.Duration) (*probe.Answer, error) {
	service := ""
	if a.Target != nil {
		service = a.Target.Service
	}
	h, known := handshakes[service]
	if !known {
		return nil, fmt.Errorf("no handshake is known for %s", service)
	}
	s := newSession(a, f, timeout)
	s.roots, s.reflect = g.Roots, g.Reflection
	stop := context.AfterFunc(ctx, func() { _ = f.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	answer, err := h.with(s)
	if err != nil && ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil && a.Target != nil && a.Target.ForReflector() {
		err = s.reflectorFailed(err)
	}
	s.leave(err == nil && service != "")
	return answer, err
}

// plain reports whether what is said is not inside of TLS.
func (s *session) plain() bool {
	_, inside := s.conn.(*tls.Conn)
	return !inside
}
