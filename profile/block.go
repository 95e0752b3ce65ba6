package profile

import (
	"net/netip"
	"strconv"
)

// Word is a named set of addresses.
type Word uint8

// The words. NoWord is the zero value.
const (
	NoWord   Word = iota
	None          // no bind at all: the kernel chooses the source. Only for sources
	Any           // the wildcard address, 0.0.0.0 or ::. Only for sources and for binds
	Loopback      // 127.0.0.0/8 and ::1
)

var words = [...]string{None: "none", Any: "any", Loopback: "loopback"}

// String is the word as it is written in a profile.
func (w Word) String() string {
	if int(w) < len(words) {
		return words[w]
	}
	return "word " + strconv.Itoa(int(w))
}

// Block is one entry of a list of addresses: a word; or a prefix, or with neither every address of both families,
// less what Except says. The zero value is every address.
type Block struct {
	Word   Word
	Prefix netip.Prefix // IPv4 for v4-mapped addresses; a single address is a prefix of its full length
	Except []Block      // words (not None) and prefixes, without exceptions of their own; none beside a word
}

// String is the block as it is written in a profile, on one line.
func (b Block) String() string {
	s := "every address"
	switch {
	case b.Word != NoWord:
		s = b.Word.String()
	case b.Prefix.IsSingleIP():
		s = b.Prefix.Addr().String()
	case b.Prefix.IsValid():
		s = b.Prefix.String()
	}
	for i, e := range b.Except {
		if i == 0 {
			s += " except " + e.String()
			continue
		}
		s += ", " + e.String()
	}
	return s
}

// PortRange is the ports First to Last, both included.
type PortRange struct{ First, Last uint16 }

// String is "80" or "1-1023".
func (r PortRange) String() string {
	if r.First == r.Last {
		return strconv.Itoa(int(r.First))
	}
	return strconv.Itoa(int(r.First)) + "-" + strconv.Itoa(int(r.Last))
}
