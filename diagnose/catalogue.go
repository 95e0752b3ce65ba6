package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/docs/causes"
)

// order is the catalogue as it is listed: by what the program says, the frequent first.
var order = slices.Concat(
	// The connection is refused.
	[]string{Refused, ListensElsewhere, RejectedHere, ServicePort, RejectedOnTheWay},
	// No answer comes, or none any more.
	[]string{TimedOut, PortFiltered, HostDown, DroppedHere, ConntrackFull, ReversePathFiltered, ProxyNeeded, ConnectionStalled, MTUBlackHole},
	// It connected, and that was of no use.
	[]string{Intercepted, ClosedWithoutAnswer, CertificateMismatch, CertificateExpired, CertificateUntrusted},
	// A proxy was used.
	[]string{ProxyUser, ProxyDenied, ProxyCannotReach},
	// The name is not resolved, or not to what was meant.
	[]string{NameNotFound, NameOfOtherFamily, SearchPathSurprise, NameServerFailure, ResolverSilent, ResolverRefused},
	// The network, or the host, is unreachable.
	[]string{Unreachable, NoRoute, NoIPv6, NoIPv4},
	// Permission is denied to connect or to send.
	[]string{ConnectDenied, DeniedByNetfilter, DeniedByRoute, DeniedByCgroup, DeniedByLandlock, BroadcastDenied},
	// The source, which a client seldom needs to choose, is wrong or denied.
	[]string{BindDenied, BindPrivilegedPort, BindAddressNotLocal, BindAddressInUse, BindLoopbackSource, WrongInterface, SourceUnanswered, FamilyMismatch},
	// Something is used up.
	[]string{PortExhausted, BindExhaustsPorts, DescriptorsExhausted},
	// A right is missing for a socket of a special kind.
	[]string{SocketDenied, RawSocketDenied, PingDenied, DeviceBindDenied, MarkDenied, TransparentDenied},
	[]string{UnknownCause},
)

// Cause is an entry of the catalogue.
type Cause struct {
	Name  string // stable
	Title string // one line, lower case, no full stop
	Page  string // the long explanation, Markdown; its first line is "# NAME: TITLE"
}

// Causes is the catalogue.
func Causes() []Cause {
	out := make([]Cause, len(order))
	for i, name := range order {
		out[i] = mustCause(name)
	}
	return out
}

// CauseNamed is the entry of a cause. The error says which there are.
func CauseNamed(name string) (Cause, error) {
	if !slices.Contains(order, name) {
		return Cause{}, fmt.Errorf("no cause is named %q: want one of %s", name, strings.Join(order, ", "))
	}
	return mustCause(name), nil
}

// mustCause reads a page of the binary's own; a test holds that each is there and has its title.
func mustCause(name string) Cause {
	page, err := causes.Pages.ReadFile(name + ".md")
	if err != nil {
		panic("catalogue: " + err.Error())
	}
	first, _, _ := strings.Cut(string(page), "\n")
	_, title, _ := strings.Cut(first, ": ")
	return Cause{Name: name, Title: title, Page: string(page)}
}
