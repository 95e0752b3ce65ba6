package probe

import (
	"net/netip"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/proxy"
)

// Via is a proxy that an attempt goes through. What the far end is, the handshake proves inside of the tunnel.
type Via struct {
	proxy.Server
	Addr     netip.AddrPort // of the proxy
	Variable string         // that names it; "" where a flag did

	// AcceptsAll asks, once, whether the proxy grants a tunnel to a name that nobody can have: then a granted one shows nothing by itself.
	AcceptsAll func() bool
}

// Words are "by way of http://proxy:3128".
func (v *Via) Words() string { return "by way of " + v.String() }

// Peer is what the attempt's socket connects to: the proxy where there is one.
func (a *Attempt) Peer() netip.AddrPort {
	if a.Via != nil {
		return a.Via.Addr
	}
	return a.Destination
}

// By is the attempt, made through a proxy.
func (a Attempt) By(v *Via) Attempt {
	a.Via = v
	switch a.Variant {
	case noBind:
		a.Variant = v.Words()
	default:
		a.Variant += ", " + v.Words()
	}
	return a
}

const noBind = "no bind"

// At is the address of a row; "" where only the proxy knows it, which looks the name up.
func (r *MatrixRow) At() string {
	if !r.Addr.IsValid() {
		return ""
	}
	return r.Addr.String()
}

// ByProxy reports whether a row is by way of a proxy, with the source that the kernel chooses.
func (r *MatrixRow) ByProxy() bool { return r.Via != nil && r.Source == r.Via.Words() }

// judgeVia makes the verdict of what a proxy said. That it may not or will not is a denial; that it had no connection tells of the far end. Where
// the handshake in its tunnel failed, the proxy may have answered in the place of the far end.
func (r *Result) judgeVia() {
	r.Verdict, r.Layer = Inconclusive, AtProxy
	if r.Stage == StageHandshake {
		r.Layer = NoLayer
		return
	}
	switch r.Said {
	case proxy.WantsUser, proxy.Denied:
		r.Verdict = Denied
	case proxy.CannotReach:
		r.Layer = BeyondProxy
	}
}

// ProxyOutcome is a proxy's refusal as an outcome.
func ProxyOutcome(a *proxy.Answer) attempt.Outcome {
	switch a.Kind {
	case proxy.WantsUser, proxy.Denied:
		return attempt.Outcome{Kind: attempt.Denied}
	case proxy.CannotReach:
		return a.Failure()
	}
	return attempt.Outcome{Kind: attempt.Failed}
}
