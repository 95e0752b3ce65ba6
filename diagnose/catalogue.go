package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/docs/causes"
)

// order is the catalogue as it is listed: the bind side, then the way out, then the names.
var order = []string{
	BindDenied,
	BindPrivilegedPort,
	BindAddressNotLocal,
	BindAddressInUse,
	BindLoopbackSource,
	BindExhaustsPorts,
	PortExhausted,
	DescriptorsExhausted,
	DeviceBindDenied,
	MarkDenied,
	TransparentDenied,
	PingDenied,
	RawSocketDenied,
	SocketDenied,
	FamilyMismatch,
	DeniedByRoute,
	DeniedByNetfilter,
	DeniedByCgroup,
	DeniedByLandlock,
	DroppedHere,
	BroadcastDenied,
	ConnectDenied,
	Refused,
	TimedOut,
	NoRoute,
	NoIPv4,
	NoIPv6,
	Unreachable,
	RejectedOnTheWay,
	PortFiltered,
	HostDown,
	MTUBlackHole,
	ConnectionStalled,
	Intercepted,
	ClosedWithoutAnswer,
	CertificateMismatch,
	CertificateExpired,
	CertificateUntrusted,
	ProxyNeeded,
	NameNotFound,
	NameServerFailure,
	ResolverSilent,
	ResolverRefused,
	UnknownCause,
}

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
