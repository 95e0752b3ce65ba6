//go:build linux

package measure

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/reflect"
)

// Reflection is what handshakes with the user's own reflectors need.
type Reflection struct {
	Token *reflect.Token
	ahead atomic.Int64 // how far the reflector's clock is ahead, in nanoseconds, once it said that a proof's time was far off
}

// How many bytes go each way. A datagram of that size passes each path of IPv6 (RFC 8200, section 5), and an answer of the same finds room.
const (
	reflectBytes     = 4096
	reflectFewBytes  = 512 // to each of many ports
	reflectManyPorts = 16
	reflectDatagram  = 1200
)

var errNoToken = errors.New("a reflector wants its token: set SALLYPORT_REFLECT_TOKEN, or give --reflect-token-file")

// prove makes a proof for a body, as the reflector's clock is.
func (r *Reflection) prove(length int) reflect.Proof {
	return reflect.NewProof(time.Now().Add(time.Duration(r.ahead.Load())), length)
}

// manyPorts reports whether an attempt is one of many at its host, of which nothing may be told that differs from port to port by its nature.
func (s *session) manyPorts() bool {
	n := 0
	for _, r := range s.a.Target.Ports {
		n += r.Len()
	}
	return n > 1
}

func (s *session) reflectLength() int {
	n := 0
	for _, r := range s.a.Target.Ports {
		n += r.Len()
	}
	if n > reflectManyPorts {
		return reflectFewBytes
	}
	return reflectBytes
}

// exchange is one request that was answered.
type exchange struct {
	proof       reflect.Proof
	seen        *reflect.Seen
	back        []byte // what came back
	sent        int    // of the request's body
	expected    int    // of what was to come back
	begun, came time.Time
}

// greetReflect asks a reflector what it saw, by its own protocol.
func greetReflect(s *session) (*probe.Answer, error) {
	if s.reflect == nil || s.a.Target == nil {
		return nil, errNoToken
	}
	if s.a.Protocol == attempt.UDP {
		return s.reflectDatagram()
	}
	t := s.reflect.Token
	for range 2 { // the second time where the clocks are far apart
		x := exchange{proof: s.reflect.prove(s.reflectLength()), begun: time.Now()}
		x.sent, x.expected = x.proof.Length, x.proof.Length
		if err := s.say(reflect.Line(t.Text(&x.proof)) + string(t.Body(&x.proof, reflect.Out, x.sent))); err != nil {
			return nil, err
		}
		again, err := s.reflectAnswer(s.in, &x)
		if err != nil {
			return nil, err
		}
		if !again {
			return s.reflected(&x, &probe.Reflected{}, "reflect"), nil
		}
	}
	return nil, errors.New("the reflector finds each proof too old")
}

// reflectAnswer reads the answer to a request, and what comes with it. Again is where the request has to be made once more.
func (s *session) reflectAnswer(in *bufio.Reader, x *exchange) (again bool, err error) {
	line, err := in.ReadBytes('\n')
	if err != nil {
		return false, err
	}
	x.came = time.Now()
	text, _, ok := reflect.CutLine(line)
	if !ok {
		return false, errOther
	}
	if x.seen, err = s.reflect.Token.Open(&x.proof, text); err != nil {
		return false, &otherProtocol{"reflect", err.Error()}
	}
	if x.seen.Stale {
		middle := x.begun.Add(x.came.Sub(x.begun) / 2)
		s.reflect.ahead.Store(int64(time.UnixMilli(x.seen.Time).Sub(middle)))
		return true, nil
	}
	x.back = make([]byte, x.expected)
	n, _ := io.ReadFull(in, x.back)           // what did not come is told
	more, _ := in.Peek(min(in.Buffered(), 1)) // that has come already: nothing should
	x.back = append(x.back[:n], more...)
	return false, nil
}

// reflectDatagram asks by UDP. The answer is no longer than the question.
func (s *session) reflectDatagram() (*probe.Answer, error) {
	t := s.reflect.Token
	var asked []exchange
	var answered *exchange
	_, err := s.ask(func() []byte {
		x := exchange{begun: time.Now()}
		x.proof = s.reflect.prove(reflectDatagram)
		line := reflect.Line(t.Text(&x.proof))
		x.proof.Length = reflectDatagram - len(line)
		line = reflect.Line(t.Text(&x.proof)) // as long as before
		x.sent = x.proof.Length
		asked = append(asked, x)
		return append([]byte(line), t.Body(&x.proof, reflect.Out, x.sent)...)
	}, func(b []byte) bool {
		text, rest, ok := reflect.CutLine(b)
		if !ok {
			return false
		}
		for i := range asked {
			x := &asked[i]
			seen, err := t.Open(&x.proof, text)
			if err != nil || seen.Stale {
				continue
			}
			x.seen, x.back, x.came = seen, append([]byte(nil), rest...), time.Now()
			x.expected = reflectDatagram - (len(b) - len(rest)) // an answer is as long as what it answers
			answered = x
			return true
		}
		return false
	})
	if err != nil {
		return nil, err
	}
	return s.reflected(answered, &probe.Reflected{}, "reflect"), nil
}

// reflected makes an answer of an exchange. The words for many ports are those that can be the same for all of them.
func (s *session) reflected(x *exchange, r *probe.Reflected, service string) *probe.Answer {
	seen := x.seen
	r.Seen, r.Reached = seen.Peer, seen.Local
	if f, ok := s.socket.(*os.File); ok {
		local := localOf(f)
		r.Local = netip.AddrPortFrom(local.Addr().Unmap(), local.Port())
	}
	r.Out = probe.Passage{Sent: x.sent, Differ: -1}
	if b := seen.Bytes; b != nil {
		r.Out.Came, r.Out.Differ = b.Came, b.Differ
	}
	r.Back = probe.Passage{Sent: x.expected, Came: len(x.back), Differ: reflect.Differ(s.reflect.Token.Body(&x.proof, reflect.Back, x.expected), x.back)}
	a := &probe.Answer{Service: service, Reflected: r}
	a.Detail = append(a.Detail, seenWords(r, s.manyPorts()))
	if words := reachedWords(r, s.a.Destination, s.manyPorts()); words != "" {
		a.Detail = append(a.Detail, words)
	}
	a.Detail = append(a.Detail, passageWords(r)...)
	skew := time.UnixMilli(seen.Time).Sub(x.begun.Add(x.came.Sub(x.begun) / 2))
	a.Skew = &skew
	if skew.Abs() > bigSkew {
		a.Detail = append(a.Detail, skewWords(skew)+", if the reflector's is right")
	}
	return a
}

// instead says what may stand between: a translator of addresses and a proxy look alike from both ends.
const instead = ", by NAT or a proxy"

// seenWords say by which address the reflector saw the source.
func seenWords(r *probe.Reflected, many bool) string {
	from, as := r.Local, r.Seen
	switch {
	case !from.IsValid():
		return fmt.Sprintf("seen as %v", as)
	case from == as && many:
		return fmt.Sprintf("seen as %v, unchanged", as.Addr())
	case from == as:
		return fmt.Sprintf("seen as %v, unchanged", as)
	case !many:
		return fmt.Sprintf("seen as %v instead of %v%s", as, from, instead)
	case from.Addr() == as.Addr():
		return fmt.Sprintf("seen as %v, from another port than its own%s", as.Addr(), instead)
	case from.Port() == as.Port():
		return fmt.Sprintf("seen as %v instead of %v, the port kept%s", as.Addr(), from.Addr(), instead)
	}
	return fmt.Sprintf("seen as %v instead of %v, from another port than its own%s", as.Addr(), from.Addr(), instead)
}

// reachedWords say where the attempt arrived; "" where that is its destination.
func reachedWords(r *probe.Reflected, to netip.AddrPort, many bool) string {
	to = netip.AddrPortFrom(to.Addr().Unmap().WithZone(""), to.Port())
	at := netip.AddrPortFrom(r.Reached.Addr().WithZone(""), r.Reached.Port())
	switch {
	case at == to:
		return ""
	case at.Addr() == to.Addr() && many:
		return "arrived at another port" + instead
	case at.Port() == to.Port():
		return fmt.Sprintf("arrived at %v instead%s", at.Addr(), instead)
	}
	return fmt.Sprintf("arrived at %v instead%s", at, instead)
}

// passageWords say whether the bytes came as they were sent.
func passageWords(r *probe.Reflected) []string {
	if r.Intact() {
		return []string{"bytes intact both ways"}
	}
	var list []string
	for _, w := range []struct {
		p   *probe.Passage
		way string
	}{{&r.Out, "out"}, {&r.Back, "back"}} {
		switch p := w.p; {
		case p.Differ < 0:
		case p.Differ == p.Sent:
			list = append(list, fmt.Sprintf("after the %d bytes that were sent more arrived on the way %s", p.Sent, w.way))
		case p.Differ == p.Came:
			list = append(list, fmt.Sprintf("of %d bytes only the first %d arrived on the way %s", p.Sent, p.Came, w.way))
		default:
			list = append(list, fmt.Sprintf("bytes changed on the way %s, first at byte %d of %d", w.way, p.Differ+1, p.Sent))
		}
	}
	return list
}

// reflectorFailed says what else may be the reason where no answer came: a reflector tells those nothing who do not prove the token.
func (s *session) reflectorFailed(err error) error {
	var errno syscall.Errno
	switch {
	case s.reflect == nil:
		return errNoToken
	case s.read > 0:
		return err
	case s.a.Protocol == attempt.UDP && errors.Is(err, os.ErrDeadlineExceeded):
		return &failure{"dropped on the way, or no reflector is there, or it has another token, or the clocks are more than 10 minutes apart", err}
	case errors.As(err, &errno) && errno != syscall.ECONNRESET, errors.Is(err, os.ErrDeadlineExceeded):
		return err
	}
	return &failure{"closed without an answer, by something on the way, or by a reflector that has another token", err}
}
