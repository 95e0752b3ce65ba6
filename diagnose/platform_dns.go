package diagnose

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/sallyport/sallyport/attempt"
)

// clusterName is what the cluster's own DNS says of a destination. The zero value is nothing.
type clusterName struct {
	service  Service // Name is "" where it is none of the cluster's
	pod      bool    // the address is that of a pod behind the Service, not the Service's own
	headless bool    // the Service has no address of its own: its ports are the pods'
}

// clusterDNSTimeout is how long the cluster's DNS may take: it is a few hops away, and knows by itself.
const clusterDNSTimeout = time.Second

// askCluster asks the cluster's DNS whose address the destination is, and which ports that Service has (the specification of DNS-based service
// discovery in github.com/kubernetes/dns; CoreDNS answers an SRV question for a Service's own name with all of its ports). By TCP, from where the
// program stands, so that no profile is stepped over. Only addresses that can be the cluster's are asked about.
func (v *Investigation) askCluster(pid int, r attempt.Result, p Platform) (c clusterName) {
	to := r.Destination.Addr().Unmap()
	if !p.Kubernetes || p.Domain == "" || len(p.Resolvers) == 0 || r.Decided || r.Call == attempt.CallBind ||
		!to.IsValid() || !internal(to) && p.serviceName(r.Name) == "" {
		return c
	}
	ctx, cancel := context.WithTimeout(v.ctx, clusterDNSTimeout)
	defer cancel()
	conn, err := v.dial(ctx, pid, netip.AddrPortFrom(p.Resolvers[0], 53))
	if err != nil {
		return c
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	name := ""
	answers, err := ask(conn, reverseName(to), dnsmessage.TypePTR)
	if err != nil {
		return c
	}
	for _, a := range answers {
		if ptr, ok := a.Body.(*dnsmessage.PTRResource); ok && name == "" {
			name = ptr.PTR.String()
		}
	}
	if name == "" { // not every cluster serves the zone for that
		name = r.Name
	}
	service := p.serviceName(name)
	if service == "" {
		return c
	}
	c.service.Name, c.service.Namespace, _ = strings.Cut(service, ".")
	c.service.Addr = to
	c.pod = !strings.EqualFold(strings.TrimSuffix(name, "."), service+".svc."+p.Domain)
	if answers, err = ask(conn, service+".svc."+p.Domain+".", dnsmessage.TypeSRV); err != nil {
		return c
	}
	for _, a := range answers {
		srv, ok := a.Body.(*dnsmessage.SRVResource)
		if !ok {
			continue
		}
		// Where it has an address of its own, that is the target; a headless one's are its pods.
		c.headless = !strings.EqualFold(srv.Target.String(), service+".svc."+p.Domain+".")
		c.service.Ports = append(c.service.Ports, PublishedPort{Port: srv.Port})
	}
	c.service.sort()
	return c
}

// internal reports whether an address can be one of a cluster's: private ones (RFC 1918, RFC 4193) and those of RFC 6598.
func internal(a netip.Addr) bool {
	return a.IsPrivate() || netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// serviceName is "NAME.NAMESPACE" of a name in the cluster's domain that leads to a Service or to a pod behind one; "" of any other.
func (p *Platform) serviceName(name string) string {
	name = strings.ToLower(strings.TrimSuffix(name, "."))
	rest, ok := strings.CutSuffix(name, ".svc."+p.Domain)
	labels := strings.Split(rest, ".")
	if n := len(labels); ok && p.Domain != "" && n >= 2 && isLabel(labels[n-2]) && isLabel(labels[n-1]) {
		return labels[n-2] + "." + labels[n-1]
	}
	return ""
}

// reverseName is the name that an address has for PTR questions (RFC 1035 section 3.5, RFC 3596 section 2.5).
func reverseName(a netip.Addr) string {
	var b strings.Builder
	for _, octet := range slices.Backward(a.AsSlice()) {
		if a.Is4() {
			fmt.Fprintf(&b, "%d.", octet)
		} else {
			fmt.Fprintf(&b, "%x.%x.", octet&15, octet>>4)
		}
	}
	if a.Is4() {
		return b.String() + "in-addr.arpa."
	}
	return b.String() + "ip6.arpa."
}

// ask asks a DNS server one question by TCP (RFC 1035 section 4.2.2). What it does not know has no answers.
func ask(conn io.ReadWriter, name string, kind dnsmessage.Type) ([]dnsmessage.Resource, error) {
	qname, err := dnsmessage.NewName(name)
	if err != nil {
		return nil, fmt.Errorf("ask for %q: %w", name, err)
	}
	const id = 0x5a11
	q := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: qname, Type: kind, Class: dnsmessage.ClassINET}},
	}
	b, err := q.AppendPack(make([]byte, 2, 512))
	if err != nil {
		return nil, fmt.Errorf("ask for %q: %w", name, err)
	}
	binary.BigEndian.PutUint16(b, uint16(len(b)-2))
	if _, err := conn.Write(b); err != nil {
		return nil, fmt.Errorf("ask for %q: %w", name, err)
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, fmt.Errorf("read the answer for %q: %w", name, err)
	}
	answer := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(conn, answer); err != nil {
		return nil, fmt.Errorf("read the answer for %q: %w", name, err)
	}
	var m dnsmessage.Message
	if err := m.Unpack(answer); err != nil || m.ID != id || !m.Response {
		return nil, fmt.Errorf("the answer for %q is none: %w", name, err)
	}
	return m.Answers, nil
}
