package attempt

import (
	"fmt"
	"net/netip"
	"time"
)

// Answer is how a DNS lookup ended. The zero value is a query that nobody has answered.
type Answer uint8

// The ends of a lookup, better ones last but for LookupTruncated, after which the same is asked by TCP.
const (
	LookupSilent     Answer = iota // no answer was seen
	LookupPortClosed               // nothing listens where it was sent: ECONNREFUSED
	LookupFailed                   // the resolver could not find out: SERVFAIL
	LookupRefused                  // the resolver does not answer for this name or to this client: REFUSED
	LookupNoData                   // the name exists, and has no record of this type
	LookupNoName                   // there is no such name: NXDOMAIN
	LookupAnswered                 // it has records
	LookupTruncated                // the answer did not fit a datagram
)

var answerNames = [...]string{
	LookupSilent: "no answer", LookupPortClosed: "nothing listens there", LookupFailed: "the resolver failed (SERVFAIL)",
	LookupRefused: "the resolver refused to answer (REFUSED)", LookupNoData: "no record of this type",
	LookupNoName: "no such name (NXDOMAIN)", LookupAnswered: "answered", LookupTruncated: "truncated, TCP follows",
}

// String is the answer in words.
func (a Answer) String() string {
	if int(a) < len(answerNames) {
		return answerNames[a]
	}
	return fmt.Sprintf("answer %d", uint8(a))
}

// Lookup is one DNS question that a program asked, and what came back.
type Lookup struct {
	Process   *Process
	TID       int32  // the thread that asked, or that read the answer where the question was not seen
	FD        int    // the descriptor of its socket
	Cookie    uint64 // the socket's, as in Life
	Protocol  Protocol
	Server    netip.AddrPort
	ID        uint16       // of the DNS message
	Name      string       // what was asked for, without the last dot; "" where the question was not seen
	Type      string       // "A", "AAAA", "SRV"; "" where the question was not seen
	RCode     int          // of the answer
	Answers   []netip.Addr // the addresses in the answer
	Chain     []string     // the names that a CNAME chain led to, in order
	Asked     time.Time    // when the question was first sent; when it was answered, where that was not seen
	Answered  time.Time    // zero: not
	Outcome   Answer
	Awaited   bool      // the program was seen to wait in a way in which an answer could not have been missed
	Unread    bool      // it was asked in musl's way, and the reads of musl's that would bring an answer are seen: none did
	Elsewhere bool      // it was asked from another network namespace than sallyport's
	Count     int       // how often it was sent, at least 1
	Resolver  *Resolver // the process's configuration; nil where it could not be read
	Where     []Frame   // the call stack that got a bad answer, or asked again; nil where not known
}

// String is "A banks.freenode.net at 192.0.2.53:53: no such name (NXDOMAIN), took 1.2 ms".
func (l *Lookup) String() string {
	what := "a question"
	if l.Name != "" {
		what = l.Type + " " + l.Name
	}
	s := fmt.Sprintf("%s, asked of %v", what, l.Server)
	if l.Count > 1 {
		s += fmt.Sprintf(" %d times", l.Count)
	}
	s += ": " + l.Outcome.String()
	for i, a := range l.Answers {
		if i == 3 {
			s += fmt.Sprintf(" and %d more", len(l.Answers)-i)
			break
		}
		s += " " + a.String()
	}
	if took := l.Answered.Sub(l.Asked); !l.Answered.IsZero() && took > 0 {
		s += ", after " + DurationText(took)
	}
	return s
}

// Resolver is what a process's /etc/resolv.conf says, resolv.conf(5).
type Resolver struct {
	Servers []netip.Addr
	Search  []string // without the last dot
	Ndots   int      // names with fewer dots are tried with the search list first; 1 where it says nothing
}

// HostsEntry is what a process's /etc/hosts says of an address, hosts(5).
type HostsEntry struct {
	Line     int       // the first that has it, counted from 1
	Names    []string  // every name that the file has for it, in order
	Resolver *Resolver // the process's configuration; nil where it could not be read
}
