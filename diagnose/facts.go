package diagnose

import (
	"net/netip"
	"slices"
	"strings"
)

// Answer is a question with a third answer. The zero value is Unknown.
type Answer uint8

// The answers. Unknown means that it could not be read, never no.
const (
	Unknown Answer = iota
	No
	Yes
)

func answer(b bool) Answer {
	if b {
		return Yes
	}
	return No
}

// Facts is what is known of the environment, read in the network namespace that sallyport runs in.
// The zero value knows nothing.
type Facts struct {
	Platform                  // what marks the place: a container, Kubernetes, OpenShift
	Addresses       []Address // the machine's own addresses; nil where they could not be read
	DefaultRoute4   Answer    // there is an IPv4 default route in the main table
	DefaultRoute6   Answer    // there is an IPv6 default route that isn't a reject route
	AnyRoute4       Answer    // there is any IPv4 route but loopback's
	AnyRoute6       Answer    // there is any global IPv6 route
	UnprivilegedMin int       // ip_unprivileged_port_start; negative where it could not be read
	PingGroups      string    // ping_group_range as it is; "" where it could not be read
	RouteLocalnet   []string  // interfaces (or "all") with route_localnet=1; ip-sysctl.rst
	NonlocalBind    Answer    // ip_nonlocal_bind is 1
	Proxies         []Proxy   // proxy variables of the environment
	NoProxy         string    // the value of no_proxy or NO_PROXY
	MachineProxies  []Proxy   // what the machine's settings name beside the environment
	CapBindService  Answer    // sallyport has CAP_NET_BIND_SERVICE
	Landlock        Answer    // the kernel has Landlock enabled; whether it restricts us can't be read
	SELinux         string    // "enforcing", "permissive"; "" where there is none
	Context         string    // the SELinux or AppArmor context of sallyport; "" where there is none
	Seccomp         Answer    // sallyport itself runs under a seccomp filter (a container's)
	NoNewPrivs      bool      // sallyport set no_new_privs for the program; set by the caller, never read
}

// Address is one address of the machine.
type Address struct {
	Interface string
	Addr      netip.Addr
}

// Proxy is one proxy variable.
type Proxy struct {
	Variable string // as it is spelled: "https_proxy"
	From     string // the file that has it; "" for the environment
	Scheme   string // "http", "socks5"; "http" where the value has none
	Host     string // host:port without user and password

	user, password string // to ask the proxy as the program does; go nowhere else, and into no report
}

// local reports whether a is an address of this machine, as far as is known.
func (f *Facts) local(a netip.Addr) bool {
	a = a.Unmap().WithZone("")
	return a.IsLoopback() || a.IsUnspecified() ||
		slices.ContainsFunc(f.Addresses, func(x Address) bool { return x.Addr.Unmap().WithZone("") == a })
}

// addressList is "10.0.0.5 (eth0), 127.0.0.1 (lo)" for one family, or "".
func (f *Facts) addressList(is4 bool) string {
	var out []string
	for _, a := range f.Addresses {
		if a.Addr.Unmap().Is4() == is4 {
			out = append(out, a.Addr.String()+" ("+a.Interface+")")
		}
	}
	if len(out) > 8 {
		out = append(out[:8], "and more")
	}
	return strings.Join(out, ", ")
}
