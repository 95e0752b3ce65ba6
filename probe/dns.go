package probe

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Names is how names are looked up here: what is configured, and what each resolver was measured to answer.
type Names struct {
	Conf    ResolvConf
	Order   []string // the hosts line of nsswitch.conf(5), without actions; empty: there is none
	Lookups []*NameLookup
}

// ResolvConf is what a file of the form of resolv.conf(5) says.
type ResolvConf struct {
	File     string
	Servers  []netip.Addr // that are asked; this host itself where the file names none
	Ignored  []netip.Addr // those after the third, which glibc never asks (MAXNS)
	Search   []string     // without a dot at their ends
	Ndots    int
	Timeout  time.Duration // how long one server is waited for
	Attempts int           // rounds of all servers
	Rotate   bool
	UseTCP   bool // use-vc
	Missing  bool // the file cannot be read
}

// NameLookup is one name of a target.
type NameLookup struct {
	Name       string
	Hosts      []HostsLine
	Candidates []Candidate // in the order in which glibc's resolver asks, as far as it had to
	Servers    []ServerAnswers
	System     SystemLookup
}

// HostsLine is a line of hosts(5) that has the name.
type HostsLine struct {
	Line int // from 1 on
	Addr netip.Addr
}

// Candidate is a name that the search list, or the lack of it, has asked for, and what came of it for A and AAAA.
type Candidate struct {
	Name    string
	A, AAAA DNSAnswer
}

// Found reports whether it has an address.
func (c *Candidate) Found() bool { return len(c.A.Addrs)+len(c.AAAA.Addrs) > 0 }

// DNSAnswer is what one question came to.
type DNSAnswer struct {
	Asked   bool
	Outcome attempt.Answer
	Addrs   []netip.Addr // sorted
	Took    time.Duration
	Size    int    // of the answer, in bytes
	Error   string // the outcome of the socket, where it was neither answer nor silence
}

// ServerAnswers are the answers of one resolver for the name that was found, or else the name as it is.
type ServerAnswers struct {
	Server  netip.Addr
	A, AAAA DNSAnswer // by UDP, as glibc asks
	EDNS    DNSAnswer // A once more, with room for 1232 bytes (RFC 6891), as others ask
	TCP     DNSAnswer // A once more
	Random  DNSAnswer // a name below it that nobody has given to anything
}

// Silent reports whether nothing at all came from it.
func (s *ServerAnswers) Silent() bool {
	for _, a := range []*DNSAnswer{&s.A, &s.AAAA, &s.EDNS, &s.TCP} {
		if a.Asked && a.Outcome != attempt.LookupSilent {
			return false
		}
	}
	return true
}

// SystemLookup is what this program's own lookup gave, as the attempts had it.
type SystemLookup struct {
	Addrs []netip.Addr
	Error string
	Took  time.Duration
}

// SearchOrder is the names that glibc's res_search asks for: with fewer dots than ndots each suffix first, else the name as it is first
// (resolv.conf(5), resolver(3)). A name that ends with a dot is asked for as it is alone.
func SearchOrder(name string, search []string, ndots int) []string {
	if bare, ok := strings.CutSuffix(name, "."); ok {
		return []string{bare}
	}
	var list []string
	for _, s := range search {
		list = append(list, name+"."+s)
	}
	if strings.Count(name, ".") >= ndots {
		return append([]string{name}, list...)
	}
	return append(list, name)
}

// Found is the candidate that has an address; nil: none.
func (l *NameLookup) Found() *Candidate {
	for i := range l.Candidates {
		if l.Candidates[i].Found() {
			return &l.Candidates[i]
		}
	}
	return nil
}

// Questions is how many questions a program that wants both families sends until it has an address, or until the list ends.
func (l *NameLookup) Questions() int { return 2 * len(l.Candidates) }

// Files reports whether hosts(5) is looked into before DNS.
func (n *Names) Files() bool {
	files, dns := slices.Index(n.Order, "files"), slices.Index(n.Order, "dns")
	return len(n.Order) == 0 || files >= 0 && (dns < 0 || files < dns)
}
