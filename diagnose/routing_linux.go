package diagnose

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// route is a route of the kernel's tables.
type route struct {
	kind   routeKind
	dst    netip.Prefix
	table  uint32
	metric uint32
	device string
	via    netip.Addr
	source netip.Addr
}

// sizeofRtmsg is the size of struct rtmsg.
const sizeofRtmsg = 12

// lookupRoute asks the kernel how an attempt is routed, and where it isn't, what denies it. What could not be asked is left out.
func (c *rtnetlink) lookupRoute(a attempt.Attempt, uid int) routing {
	to := a.Destination.Addr().Unmap()
	names := c.deviceNames()
	q := query{to: to, from: a.Source.Addr.Addr().Unmap(), device: a.Device, protocol: a.Protocol, port: a.Destination.Port(), uid: uid}
	if a.Source.Kind != attempt.SourceGiven {
		q.from = netip.Addr{}
	}
	var r routing
	msgs, err := c.ask(unix.RTM_GETROUTE, 0, q.request(names))
	var errno unix.Errno
	switch {
	case errors.As(err, &errno):
		r.asked, r.errno = true, attempt.Errno(errno)
	case err != nil || len(msgs) == 0:
		return routing{}
	default:
		got, ok := parseRoute(msgs[0].Data, to.Is4(), names)
		if !ok {
			return routing{}
		}
		r = routing{asked: true, kind: got.kind, device: got.device, gateway: got.via, source: got.source}
	}
	routes, ok := c.routes(to.Is4(), names)
	if !ok {
		return r
	}
	r.anyRoute, r.defaultRoute = ways(routes)
	if r.errno != 0 {
		r.culprit = q.culprit(r.errno, c.rules(to.Is4()), routes)
	}
	return r
}

// query is what the kernel is asked about.
type query struct {
	to, from netip.Addr // from is not valid where the kernel chooses
	device   string     // that the socket is bound to; "" where to none
	protocol attempt.Protocol
	port     uint16
	uid      int // negative: not known
}

// request is the body of an RTM_GETROUTE request, rtnetlink(7).
func (q query) request(names map[uint32]string) []byte {
	family, bits := byte(unix.AF_INET), byte(32)
	if q.to.Is6() {
		family, bits = unix.AF_INET6, 128
	}
	b := make([]byte, sizeofRtmsg)
	b[0], b[1] = family, bits
	b = append(b, attribute(unix.RTA_DST, q.to.WithZone("").AsSlice())...)
	if q.from.IsValid() {
		b[2] = bits
		b = append(b, attribute(unix.RTA_SRC, q.from.WithZone("").AsSlice())...)
	}
	if q.uid >= 0 {
		b = append(b, attribute(unix.RTA_UID, binary.NativeEndian.AppendUint32(nil, uint32(q.uid)))...)
	}
	if q.protocol == attempt.TCP || q.protocol == attempt.UDP {
		b = append(b, attribute(unix.RTA_IP_PROTO, []byte{byte(q.protocol)})...)
		b = append(b, attribute(unix.RTA_DPORT, binary.BigEndian.AppendUint16(nil, q.port))...)
	}
	zone := q.to.Zone()
	if q.device != "" {
		zone = q.device
	}
	if zone != "" {
		for index, name := range names {
			if name == zone || strconv.Itoa(int(index)) == zone {
				b = append(b, attribute(unix.RTA_OIF, binary.NativeEndian.AppendUint32(nil, index))...)
			}
		}
	}
	return b
}

// deviceNames are the interfaces by index.
func (c *rtnetlink) deviceNames() map[uint32]string {
	names := map[uint32]string{}
	msgs, _ := c.ask(unix.RTM_GETLINK, unix.NLM_F_DUMP, make([]byte, unix.SizeofIfInfomsg))
	for _, m := range msgs {
		if len(m.Data) < unix.SizeofIfInfomsg {
			continue
		}
		if b := attributes(m.Data, unix.SizeofIfInfomsg)[unix.IFLA_IFNAME]; len(b) > 0 {
			names[binary.NativeEndian.Uint32(m.Data[4:])] = string(b[:len(b)-1])
		}
	}
	return names
}

// routes are all routes of a family, of all tables. It reports whether they could be read.
func (c *rtnetlink) routes(is4 bool, names map[uint32]string) ([]route, bool) {
	body := make([]byte, sizeofRtmsg)
	body[0] = unix.AF_INET6
	if is4 {
		body[0] = unix.AF_INET
	}
	msgs, err := c.ask(unix.RTM_GETROUTE, unix.NLM_F_DUMP, body)
	if err != nil {
		return nil, false
	}
	var out []route
	for _, m := range msgs {
		if r, ok := parseRoute(m.Data, is4, names); ok {
			out = append(out, r)
		}
	}
	return out, true
}

func parseRoute(data []byte, is4 bool, names map[uint32]string) (route, bool) {
	if len(data) < sizeofRtmsg {
		return route{}, false
	}
	if flags := binary.NativeEndian.Uint32(data[8:]); (data[0] == unix.AF_INET) != is4 || flags&unix.RTM_F_CLONED != 0 && data[1] != 32 && data[1] != 128 {
		return route{}, false
	}
	attrs := attributes(data, sizeofRtmsg)
	r := route{
		kind: routeKind(data[7]), table: uint32Of(attrs[unix.RTA_TABLE], uint32(data[4])), metric: uint32Of(attrs[unix.RTA_PRIORITY], 0),
		device: names[uint32Of(attrs[unix.RTA_OIF], 0)],
	}
	dst, ok := netip.AddrFromSlice(attrs[unix.RTA_DST])
	if !ok {
		dst = netip.IPv6Unspecified()
		if is4 {
			dst = netip.IPv4Unspecified()
		}
	}
	r.dst = netip.PrefixFrom(dst, int(data[1]))
	r.via, _ = netip.AddrFromSlice(attrs[unix.RTA_GATEWAY])
	r.source, _ = netip.AddrFromSlice(attrs[unix.RTA_PREFSRC])
	return r, r.dst.IsValid()
}

// ways tells whether any of the routes leads off the machine, and whether there is a default route. Link-local and multicast
// routes are there on every interface, and lead nowhere by themselves.
func ways(routes []route) (some, standard Answer) {
	some, standard = No, No
	for _, r := range routes {
		if r.kind != routeUnicast || r.device == "lo" || r.table == unix.RT_TABLE_LOCAL ||
			r.dst.Bits() > 0 && (r.dst.Addr().IsLinkLocalUnicast() || r.dst.Addr().IsMulticast()) {
			continue
		}
		some = Yes
		if r.dst.Bits() == 0 {
			standard = Yes
		}
	}
	return some, standard
}
