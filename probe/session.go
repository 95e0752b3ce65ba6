package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// maxAnswer is how many bytes of one answer are read, whatever the other end sends.
const maxAnswer = 64 << 10

// session is the conversation of one handshake. Reading is bounded in time by each step's deadline and by one for all, and in memory by maxAnswer.
type session struct {
	a       *Attempt
	conn    io.ReadWriter // the socket, or TLS over it
	socket  deadliner
	in      *bufio.Reader
	timeout time.Duration
	until   time.Time // for all steps together
	first   []byte    // the first bytes that came, at most firstBytes
	read    int
}

type deadliner interface{ SetDeadline(time.Time) error }

const (
	firstBytes = 256
	maxSteps   = 4 // a handshake may take as long as so many steps
)

func newSession(a *Attempt, f *os.File, timeout time.Duration) *session {
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
	if room := firstBytes - len(s.first); room > 0 {
		s.first = append(s.first, b[:min(n, room)]...)
	}
	return n, err
}

var errTooMuch = fmt.Errorf("sent %d bytes, and still goes on", maxAnswer)

// step begins one more step: what is sent or read after it has the timeout.
func (s *session) step() error {
	until := time.Now().Add(s.timeout)
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
	return b, err
}

// otherProtocol tells that the other end speaks something else than was expected.
type otherProtocol struct{ wanted, words string }

func (e *otherProtocol) Error() string { return "does not speak " + e.wanted + ": " + e.words }

// greeters are the handshakes, by the name of what they expect. Each has a file of its own.
var greeters = map[string]func(*session) (*Answer, error){
	"":     greetPlain,
	"http": greetHTTP,
	"irc":  greetIRC,
	"smtp": greetSMTP,
	"ssh":  greetSSH,
}

// Meet is the handshake that an attempt's target expects.
func Meet(ctx context.Context, a *Attempt, f *os.File, timeout time.Duration) (*Answer, error) {
	service := ""
	if a.Target != nil {
		service = a.Target.Service
	}
	s := newSession(a, f, timeout)
	stop := context.AfterFunc(ctx, func() { s.until = time.Unix(1, 0); _ = f.SetDeadline(s.until) })
	defer stop()
	if err := s.step(); err != nil {
		return nil, err
	}
	answer, err := greeters[service](s)
	var other *otherProtocol
	if err != nil && len(s.first) > 0 && (errors.As(err, &other) || !errors.Is(err, os.ErrDeadlineExceeded)) {
		return identify(s.first), err
	}
	return answer, err
}
