package diagnose

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// routeRule is a rule of policy routing, ip-rule(8).
type routeRule struct {
	priority uint32
	action   byte
	table    uint32
	from, to netip.Prefix // not valid: any
	uids     [2]uint32    // first and last
	hasUIDs  bool
	protocol byte // 0: any
	ports    [2]uint16
	hasPorts bool // of the destination
	unclear  bool // has a selector that can't be decided here: a mark, an interface, an inversion
}

// The actions of a rule and its flag, <linux/fib_rules.h>.
const (
	actionTable      = 1
	actionNop        = 3
	actionBlackhole  = 6
	actionProhibit   = 8
	flagInvert       = 2
	sizeofFibRuleHdr = 12
)

// The attributes of a rule, <linux/fib_rules.h>.
const (
	fraDst       = 1
	fraSrc       = 2
	fraIIF       = 3
	fraPriority  = 6
	fraMark      = 10
	fraSuppress  = 14
	fraTable     = 15
	fraOIF       = 17
	fraL3mdev    = 19
	fraUIDRange  = 20
	fraProtocol  = 22
	fraSport     = 23
	fraDport     = 24
	noSuppressed = ^uint32(0)
)

// rules are the rules of a family by priority; nil where they could not be read.
func (c *rtnetlink) rules(is4 bool) []routeRule {
	body := make([]byte, sizeofFibRuleHdr)
	body[0] = unix.AF_INET6
	if is4 {
		body[0] = unix.AF_INET
	}
	msgs, err := c.ask(unix.RTM_GETRULE, unix.NLM_F_DUMP, body)
	if err != nil {
		return nil
	}
	var out []routeRule
	for _, m := range msgs {
		if len(m.Data) >= sizeofFibRuleHdr && m.Data[0] == body[0] {
			out = append(out, parseRouteRule(m.Data))
		}
	}
	slices.SortStableFunc(out, func(a, b routeRule) int { return cmp.Compare(a.priority, b.priority) })
	return out
}

func parseRouteRule(data []byte) routeRule {
	attrs := attributes(data, sizeofFibRuleHdr)
	r := routeRule{
		action: data[7], table: uint32Of(attrs[fraTable], uint32(data[4])), priority: uint32Of(attrs[fraPriority], 0),
		unclear: binary.NativeEndian.Uint32(data[8:])&flagInvert != 0 || data[3] != 0 || uint32Of(attrs[fraSuppress], noSuppressed) != noSuppressed,
	}
	if a, ok := netip.AddrFromSlice(attrs[fraDst]); ok {
		r.to = netip.PrefixFrom(a, int(data[1]))
	}
	if a, ok := netip.AddrFromSlice(attrs[fraSrc]); ok {
		r.from = netip.PrefixFrom(a, int(data[2]))
	}
	for _, a := range []uint16{fraIIF, fraOIF, fraMark, fraSport} {
		r.unclear = r.unclear || attrs[a] != nil
	}
	if b := attrs[fraL3mdev]; len(b) > 0 && b[0] != 0 {
		r.unclear = true
	}
	if b := attrs[fraUIDRange]; len(b) >= 8 {
		r.hasUIDs, r.uids = true, [2]uint32{binary.NativeEndian.Uint32(b), binary.NativeEndian.Uint32(b[4:])}
	}
	if b := attrs[fraProtocol]; len(b) > 0 {
		r.protocol = b[0]
	}
	if b := attrs[fraDport]; len(b) >= 4 {
		r.hasPorts, r.ports = true, [2]uint16{binary.NativeEndian.Uint16(b), binary.NativeEndian.Uint16(b[2:])}
	}
	return r
}

// matches tells whether the rule is for the query. A source that the kernel chooses is still 0.0.0.0 when it looks, which a prefix of
// source addresses does not match.
func (r *routeRule) matches(q *query) Answer {
	switch {
	case r.to.IsValid() && !r.to.Contains(q.to.WithZone("")), r.from.IsValid() && !r.from.Contains(q.from),
		r.hasUIDs && q.uid >= 0 && (uint32(q.uid) < r.uids[0] || uint32(q.uid) > r.uids[1]),
		r.protocol != 0 && r.protocol != byte(q.protocol), r.hasPorts && (q.port < r.ports[0] || q.port > r.ports[1]):
		return No
	case r.unclear || r.hasUIDs && q.uid < 0:
		return Unknown
	}
	return Yes
}

// culprit goes through the rules and tables as the kernel does, to the rule or the route that denies. It has to say the same errno as
// the kernel said; where a rule can't be decided here, or the two differ, nothing is named.
func (q *query) culprit(errno attempt.Errno, rules []routeRule, routes []route) culprit {
	for i := range rules {
		r := &rules[i]
		switch r.matches(q) {
		case No:
			continue
		case Unknown:
			return culprit{}
		}
		switch {
		case r.action == actionTable:
			hit := q.best(r.table, routes)
			if hit == nil || hit.kind == routeThrow {
				continue
			}
			if hit.kind.errno() != errno {
				return culprit{}
			}
			return hit.culprit(q.to.Is4())
		case r.action == actionNop:
		case r.action >= actionBlackhole && r.action <= actionProhibit && routeKind(r.action).ruleErrno() == errno:
			return r.culprit(q.to.Is4())
		default:
			return culprit{}
		}
	}
	return culprit{}
}

// best is the table's route for the query: the longest prefix, of these the lowest metric.
func (q *query) best(table uint32, routes []route) *route {
	var hit *route
	for i := range routes {
		r := &routes[i]
		if r.table == table && r.dst.Contains(q.to.WithZone("")) && (hit == nil || r.dst.Bits() > hit.dst.Bits() ||
			r.dst.Bits() == hit.dst.Bits() && r.metric < hit.metric) {
			hit = r
		}
	}
	return hit
}

func (r *route) culprit(is4 bool) culprit {
	dst := r.dst.String()
	if r.dst.Bits() == 0 {
		dst = "default"
	}
	text := fmt.Sprintf("%s %s table %s", routeKindNames[r.kind], dst, tableName(r.table))
	ip := "ip"
	if !is4 {
		ip = "ip -6"
	}
	remove := fmt.Sprintf("%s route del %s", ip, text)
	if r.metric != 0 {
		remove += fmt.Sprintf(" metric %d", r.metric)
	}
	return culprit{text: text, remove: remove}
}

func (r *routeRule) culprit(is4 bool) culprit {
	text := fmt.Sprintf("%d:", r.priority)
	from := "all"
	if r.from.IsValid() {
		from = r.from.String()
	}
	text += " from " + from
	if r.to.IsValid() {
		text += " to " + r.to.String()
	}
	if r.hasUIDs {
		text += fmt.Sprintf(" uidrange %d-%d", r.uids[0], r.uids[1])
	}
	if r.protocol != 0 {
		text += " ipproto " + attempt.Protocol(r.protocol).String()
	}
	if r.hasPorts {
		text += fmt.Sprintf(" dport %d-%d", r.ports[0], r.ports[1])
	}
	ip := "ip"
	if !is4 {
		ip = "ip -6"
	}
	return culprit{
		text: text + " " + routeKindNames[routeKind(r.action)], isRule: true,
		remove: fmt.Sprintf("%s rule del priority %d", ip, r.priority),
	}
}

// tableName is a table as ip(8) shows it where nobody named it (/etc/iproute2/rt_tables).
func tableName(table uint32) string {
	switch table {
	case unix.RT_TABLE_LOCAL:
		return "local"
	case unix.RT_TABLE_MAIN:
		return "main"
	case unix.RT_TABLE_DEFAULT:
		return "default"
	}
	return fmt.Sprint(table)
}
