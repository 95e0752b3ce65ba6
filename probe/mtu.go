package probe

import (
	"fmt"
	"net/netip"
)

// PathMTU is how large packets to a destination may be.
type PathMTU struct {
	Addr netip.Addr
	Own  int        // the largest that this host would send there at first: its device's, or the route's
	MTU  int        // the largest that comes through, as far as is known
	Sure bool       // one of that size was answered
	By   netip.Addr // the router that said that more is too much; not valid: none did
	Peer int        // the packets that the other end's TCP takes, where these are smaller: its own MTU, or what was made of it on the way; 0: no smaller
	Hole bool       // small packets are answered, large ones vanish without a word: MTU is the largest size tried that was answered
}

// Words say what is out of the ordinary; "" for nothing.
func (m *PathMTU) Words() string {
	switch {
	case m.Hole:
		words := fmt.Sprintf("path MTU black hole: packets of %d bytes vanish without a word, those of %d arrive; let ICMP \"fragmentation needed\" and \"packet too big\" through", m.Own, m.MTU)
		if m.MTU >= 1280 { // less is no usual link's
			words += fmt.Sprintf(", or set the MTU here to %d", m.MTU)
		}
		return words
	case m.MTU < m.Own && m.By.IsValid():
		return fmt.Sprintf("path MTU %d of %d: %v says so, as it should", m.MTU, m.Own, m.By)
	case m.MTU < m.Own:
		return fmt.Sprintf("path MTU %d of %d", m.MTU, m.Own)
	case m.Peer > 0:
		return fmt.Sprintf("its TCP takes packets of %d bytes, this host's are %d: the other end's MTU, or clamped on the way", m.Peer, m.Own)
	}
	return ""
}

// BlackHole is a handshake that stalls with segments of the usual size, and succeeds with small ones: a counterfactual.
type BlackHole struct {
	Passes   int // packets of so many bytes came through; 0: not found
	Vanishes int // and of so many did not; 0: as many as the device takes
}

// Words are for people.
func (b *BlackHole) Words() string {
	sizes := ""
	fix := "clamp the MSS on the way"
	if b.Passes > 0 {
		sizes = fmt.Sprintf(" (packets of %d bytes pass", b.Passes)
		if b.Vanishes > 0 {
			sizes += fmt.Sprintf(", of %d do not", b.Vanishes)
		}
		sizes += ")"
		if b.Passes >= 1280 {
			fix += fmt.Sprintf(", or set the MTU here to %d: `ip link set dev DEVICE mtu %d`", b.Passes, b.Passes)
		}
	}
	return "path MTU black hole: large packets do not come through: the handshake succeeds with small segments (TCP_MAXSEG), and stalls without" + sizes +
		"; let ICMP \"fragmentation needed\" and \"packet too big\" through, " + fix
}
