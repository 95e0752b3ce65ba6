package diagnose

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// What is noise. An attempt that failed is no finding when the program got where it wanted all the same,
// or never meant to get there. The rules, in the order in which they are asked:
//
//  1. A connect that was given up soon, or was in progress only shortly when the program ended, says nothing.
//  2. A bind that failed on a socket that connected, or that was bound to something else after it, was
//     a try. So is a bind to a port in use, when the program then bound another socket to another port.
//  3. A bind of an IPv6 socket to [::1]:0 or [::ffff:127.0.0.1]:0 with which nothing else is done is how
//     Go's net package and Python's urllib3 ask whether the machine has IPv6.
//  4. A UDP connect sends nothing. glibc's getaddrinfo makes one to each address that it found, only to
//     see which source address the kernel would choose (RFC 6724), and so do programs that
//     look for their own address.
//  5. A later attempt to the same destination connected: a retry, a wait for a server to start.
//  6. Happy eyeballs (RFC 8305): another address of the service connected at about the same time.
//  7. The other family of the service failed in a way that says more than "no IPv6 here".

const (
	patience    = 3 * time.Second  // waiting less than this for an answer is no failure yet
	familyRace  = 5 * time.Second  // how long after one family failed the other is the same try
	lookupRace  = 10 * time.Second // how long after a look for a source address the connection may follow
	addressRace = time.Second      // the same for another address of the same family, tried at once
)

// noise is the note that a failed attempt comes to; ok is false where the failure counts. An empty
// note is nothing at all.
func (rec *record) noise(m *made) (note Note, ok bool) {
	if m.Outcome.Kind == attempt.Cancelled || m.Outcome.Kind == attempt.InProgress {
		if rec.repeatedOrBrief(m) {
			return Note{}, true
		}
	}
	if m.Call == attempt.CallSetsockopt || m.Call == attempt.CallSocket {
		return rec.rightsNoise(m)
	}
	if m.Call == attempt.CallBind {
		return rec.bindNoise(m)
	}
	if n, ok := rec.lookup(m); ok {
		return n, true
	}
	for i := range rec.all {
		o := &rec.all[i]
		if !o.connected() || o.Protocol != m.Protocol || !o.program(m) {
			continue
		}
		if same(o.Destination, m.Destination) && o.Begin.After(m.Begin) {
			return m.note(NoteRetried, fmt.Sprintf("%s: %v; a later attempt connected, %s after it", m.title(), m.Outcome,
				attempt.DurationText(o.End.Sub(m.End).Round(time.Millisecond)))), true
		}
		if m.raced(o) && !o.End.Before(m.Begin) {
			return m.note(NoteOtherAddress, fmt.Sprintf("%s: %v; %v of the same service connected", m.title(), m.Outcome, o.Destination)), true
		}
	}
	if n, ok := rec.lesserFamily(m); ok {
		return n, true
	}
	return Note{}, false
}

// repeatedOrBrief is rule 1.
func (rec *record) repeatedOrBrief(m *made) bool {
	if m.waited < patience || !m.Protocol.Stream() || m.life.Steps[m.Last].How == attempt.Unseen {
		return true
	}
	for i := range rec.all {
		o := &rec.all[i]
		if o.life == m.life && o.First > m.Last && o.Destination == m.Destination {
			return true
		}
	}
	return false
}

// bindNoise is rules 2 and 3.
func (rec *record) bindNoise(m *made) (Note, bool) {
	steps := m.life.Steps
	for _, s := range steps[m.Last+1:] {
		switch {
		case s.Call == attempt.CallBind && s.Errno == 0:
			return m.note(NoteBindSkipped, fmt.Sprintf("%s: %v; the same socket was then bound to %v", m.title(), m.Outcome, s.Address)), true
		case (s.Call == attempt.CallConnect || s.Call.Send()) && rec.connectedLater(m):
			return m.note(NoteBindSkipped, fmt.Sprintf("%s: %v; the socket connected all the same, to %v", m.title(), m.Outcome, s.Address)), true
		}
	}
	if m.Outcome.Errno == attempt.EADDRINUSE {
		if addr, ok := rec.nextPort(m); ok {
			return m.note(NoteBindSkipped, fmt.Sprintf("%s: %v; the program then took %v", m.title(), m.Outcome, addr)), true
		}
	}
	if onlyBind(steps) && probeAddress(m.Source.Addr) && rec.more(m) {
		return m.note(NoteProbe, fmt.Sprintf("%s: %v; this looks like a test for IPv6", m.title(), m.Outcome)), true
	}
	return Note{}, false
}

func (rec *record) connectedLater(m *made) bool {
	for i := range rec.all {
		if o := &rec.all[i]; o.life == m.life && o.First > m.Last && o.connected() {
			return true
		}
	}
	return false
}

// nextPort is what the program bound a socket to soon after m, on another port.
func (rec *record) nextPort(m *made) (netip.AddrPort, bool) {
	for _, l := range rec.lives {
		if l.Process == nil || l.Process.PID != m.pid() || l.Protocol != m.Protocol {
			continue
		}
		for _, s := range l.Steps {
			if s.Call == attempt.CallBind && s.Errno == 0 && s.Address.Port() != m.Source.Addr.Port() && s.At.After(m.Begin) && s.At.Sub(m.End) < familyRace {
				return s.Address, true
			}
		}
	}
	return netip.AddrPort{}, false
}

// probeAddress reports whether nobody but a test for IPv6 binds to a.
func probeAddress(a netip.AddrPort) bool {
	return a.Port() == 0 && (a.Addr() == netip.IPv6Loopback() || a.Addr().Is4In6() && a.Addr().Unmap().IsLoopback())
}

// onlyBind reports whether nothing but one bind was done with a socket.
func onlyBind(steps []attempt.Step) bool {
	binds := 0
	for _, s := range steps {
		switch s.Call {
		case attempt.CallSocket:
		case attempt.CallBind:
			binds++
		default:
			return false
		}
	}
	return binds == 1
}

// more reports whether the process did anything after m that was no probe, or had before.
func (rec *record) more(m *made) bool {
	for _, l := range rec.lives {
		if l != m.life && l.Process != nil && l.Process.PID == m.pid() && len(l.Steps) > 0 {
			return true
		}
	}
	return false
}

// lookup is rule 4: a UDP connect that failed, in a process whose other attempts say what it was for.
func (rec *record) lookup(m *made) (Note, bool) {
	if m.Protocol != attempt.UDP || m.Call != attempt.CallConnect {
		return Note{}, false
	}
	found := m.Destination.Port() == 0
	for i := range rec.all {
		o := &rec.all[i]
		if o.pid() != m.pid() || o == m {
			continue
		}
		after := o.Begin.Sub(m.End)
		switch {
		case o.Protocol.Stream() && o.Destination.IsValid() && after > -addressRace && after < lookupRace:
			found = true // it is the stream that the address was for, and if that failed it is the finding
		case m.family() == attempt.IPv6 && o.connected():
			found = true
		}
	}
	if !found {
		return Note{}, false
	}
	return m.note(NoteProbe, fmt.Sprintf("%s: %v; nothing was sent, this looks like a search for a source address", m.title(), m.Outcome)), true
}

// raced reports whether o is another address of the service that m tried, tried for the same purpose.
func (m *made) raced(o *made) bool {
	if o.Protocol != m.Protocol || o.pid() != m.pid() || o.Destination.Port() != m.Destination.Port() ||
		same(o.Destination, m.Destination) || m.Name != "" && o.Name != "" && m.Name != o.Name ||
		o.Destination.Addr().IsLoopback() != m.Destination.Addr().IsLoopback() {
		return false
	}
	if m.family() != o.family() {
		return o.Begin.Sub(m.End) < familyRace && m.Begin.Sub(o.End) < familyRace
	}
	return o.Begin.Sub(m.End) < addressRace && m.Begin.Sub(o.End) < addressRace
}

// lesserFamily is rule 7: the address family has no route, and the other failed for another reason.
func (rec *record) lesserFamily(m *made) (Note, bool) {
	if m.Outcome.Kind != attempt.Unreachable && m.Outcome.Errno != attempt.EADDRNOTAVAIL {
		return Note{}, false
	}
	for i := range rec.all {
		o := &rec.all[i]
		if o.Outcome.Kind != m.Outcome.Kind && (o.Failed() || o.waited >= patience) && o.family() != m.family() && m.raced(o) {
			return m.note(NoteOtherAddress, fmt.Sprintf("%s: %v; see %v of the same service, which failed for another reason", m.title(), m.Outcome, o.Destination)), true
		}
	}
	return Note{}, false
}

func (m *made) family() attempt.Family { return attempt.FamilyOf(m.Destination.Addr()) }

func same(a, b netip.AddrPort) bool { return unmap(a) == unmap(b) }

// title is the attempt for a note: "python3 (pid 123), tcp to 192.0.2.1:80".
func (m *made) title() string {
	if m.Call == attempt.CallSetsockopt || m.Call == attempt.CallSocket {
		return fmt.Sprintf("%s, %v(%s)", processName(m.life.Process), m.Call, m.life.Steps[m.Last].Detail)
	}
	if m.Call == attempt.CallBind {
		return fmt.Sprintf("%s, %v bind to %v", processName(m.life.Process), m.Protocol, m.Source.Addr)
	}
	return processName(m.life.Process) + ", " + m.Attempt.String()
}

func (m *made) note(kind, text string) Note {
	return Note{Kind: kind, Text: text, Attempt: m.Attempt, Outcome: m.Outcome, PID: m.pid(), Count: 1, At: m.Begin}
}
