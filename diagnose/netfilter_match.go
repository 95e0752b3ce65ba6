package diagnose

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/sallyport/sallyport/attempt"
)

// match decides a match expression of a rule.
func (w *filterWalk) match(r *filterRule, v any) Answer {
	m, _ := v.(map[string]any)
	return w.compare(r, m["left"], m["right"], textOf(v, "op"))
}

// compare decides a comparison. What is not understood is Unknown.
func (w *filterWalk) compare(r *filterRule, left, right any, op string) Answer {
	if op != "==" && op != "!=" && op != "in" {
		return Unknown
	}
	is := w.equals(r, left, right)
	if op == "!=" && is != Unknown {
		if is = w.applies(left); is != Yes {
			return is // tcp dport != 22 does not match what isn't TCP
		}
		if w.equals(r, left, right) == Yes {
			return No
		}
		return Yes
	}
	return is
}

// applies tells whether the packet has the field at all.
func (w *filterWalk) applies(left any) Answer {
	l, _ := left.(map[string]any)
	payload, _ := l["payload"].(map[string]any)
	switch p := textOf(payload, "protocol"); p {
	case "tcp", "udp":
		return answer(p == w.p.protocol.String() || p == "tcp" && w.p.protocol == attempt.MPTCP)
	case "ip":
		return answer(w.p.to.Is4())
	case "ip6":
		return answer(w.p.to.Is6())
	}
	return Yes
}

func (w *filterWalk) equals(r *filterRule, left, right any) Answer {
	if !w.p.to.IsValid() {
		return Unknown
	}
	l, _ := left.(map[string]any)
	if payload, ok := l["payload"].(map[string]any); ok {
		if w.applies(left) == No {
			return No
		}
		return w.payload(r, textOf(payload, "protocol"), textOf(payload, "field"), right)
	}
	if meta, ok := l["meta"].(map[string]any); ok {
		return w.meta(r, textOf(meta, "key"), right)
	}
	if ct, ok := l["ct"].(map[string]any); ok && textOf(ct, "key") == "state" && w.p.tracked {
		return w.anyOf(r, right, func(v any) Answer {
			s, ok := v.(string)
			if !ok {
				return Unknown
			}
			return answer(s == "new")
		})
	}
	return Unknown
}

func (w *filterWalk) payload(r *filterRule, protocol, field string, right any) Answer {
	switch {
	case (protocol == "ip" || protocol == "ip6") && field == "daddr":
		return w.anyOf(r, right, func(v any) Answer { return addressIn(w.p.to, v) })
	case (protocol == "ip" || protocol == "ip6") && field == "saddr" && w.p.from.IsValid():
		return w.anyOf(r, right, func(v any) Answer { return addressIn(w.p.from, v) })
	case protocol == "ip" && field == "protocol", protocol == "ip6" && field == "nexthdr":
		return w.l4proto(r, right)
	case (protocol == "tcp" || protocol == "udp" || protocol == "th") && field == "dport":
		return w.anyOf(r, right, func(v any) Answer { return numberIn(int(w.p.port), v) })
	}
	return Unknown
}

func (w *filterWalk) meta(r *filterRule, key string, right any) Answer {
	switch {
	case key == "l4proto":
		return w.l4proto(r, right)
	case key == "nfproto":
		family := "ipv4"
		if w.p.to.Is6() {
			family = "ipv6"
		}
		return w.anyOf(r, right, func(v any) Answer {
			s, ok := v.(string)
			if !ok {
				return Unknown
			}
			return answer(s == family)
		})
	case (key == "oifname" || key == "oif") && w.p.device != "":
		return w.anyOf(r, right, func(v any) Answer {
			s, ok := v.(string)
			if !ok {
				return Unknown
			}
			prefix, wild := strings.CutSuffix(s, "*")
			return answer(s == w.p.device || wild && strings.HasPrefix(w.p.device, prefix))
		})
	case key == "skuid" && w.p.uid >= 0:
		return w.anyOf(r, right, func(v any) Answer { return numberIn(w.p.uid, v) })
	}
	return Unknown
}

func (w *filterWalk) l4proto(r *filterRule, right any) Answer {
	number := w.p.protocol
	if number == attempt.MPTCP {
		number = attempt.TCP // that is what is on the wire
	}
	return w.anyOf(r, right, func(v any) Answer {
		if s, ok := v.(string); ok {
			if n, err := strconv.Atoi(s); err == nil {
				return answer(n == int(number))
			}
			return answer(s == number.String())
		}
		return numberIn(int(number), v)
	})
}

// anyOf compares with one value, or with each of a set's.
func (w *filterWalk) anyOf(r *filterRule, right any, is func(any) Answer) Answer {
	list := w.elements(r, right)
	if list == nil {
		if s, ok := right.(string); ok && strings.HasPrefix(s, "@") {
			return Unknown
		}
		list = []any{right}
	}
	var got []Answer
	for _, v := range list {
		if m, ok := v.(map[string]any); ok {
			if e, ok := m["elem"].(map[string]any); ok { // with a timeout, a counter or a comment
				v = e["val"]
			}
		}
		got = append(got, is(v))
	}
	switch {
	case slices.Contains(got, Yes):
		return Yes
	case slices.Contains(got, Unknown):
		return Unknown
	}
	return No
}

// elements are those of a set, anonymous or named; nil where v is none, or one that is not known.
func (w *filterWalk) elements(r *filterRule, v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case map[string]any:
		list, _ := v["set"].([]any)
		return list
	case string:
		if name, ok := strings.CutPrefix(v, "@"); ok {
			return w.rs.sets[r.Family+" "+r.Table+" "+name]
		}
	}
	return nil
}

// addressIn compares with an address, a prefix or a range.
func addressIn(a netip.Addr, v any) Answer {
	a = a.WithZone("")
	switch v := v.(type) {
	case string:
		if b, err := netip.ParseAddr(v); err == nil {
			return answer(a == b)
		}
	case map[string]any:
		if p, ok := v["prefix"].(map[string]any); ok {
			n, _ := p["len"].(float64)
			if b, err := netip.ParseAddr(textOf(p, "addr")); err == nil {
				return answer(netip.PrefixFrom(b, int(n)).Contains(a))
			}
		}
		if first, last, ok := rangeOf(v); ok {
			low, err1 := netip.ParseAddr(textOrEmpty(first))
			high, err2 := netip.ParseAddr(textOrEmpty(last))
			if err1 == nil && err2 == nil {
				return answer(low.Compare(a) <= 0 && a.Compare(high) <= 0)
			}
		}
	}
	return Unknown
}

// numberIn compares with a number or a range.
func numberIn(n int, v any) Answer {
	switch v := v.(type) {
	case float64:
		return answer(float64(n) == v)
	case map[string]any:
		first, last, _ := rangeOf(v)
		low, ok1 := first.(float64)
		high, ok2 := last.(float64)
		if ok1 && ok2 {
			return answer(low <= float64(n) && float64(n) <= high)
		}
	}
	return Unknown
}

func rangeOf(v map[string]any) (first, last any, ok bool) {
	list, _ := v["range"].([]any)
	if len(list) != 2 {
		return nil, nil, false
	}
	return list[0], list[1], true
}

func textOrEmpty(v any) string {
	s, _ := v.(string)
	return s
}
