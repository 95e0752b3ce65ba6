package diagnose

import "slices"

// filterWalk follows one packet through one base chain and what it jumps to.
type filterWalk struct {
	rs        *ruleset
	p         *packet
	sure      bool // nothing that could not be decided may have let the packet out of the chain so far
	rewritten bool // a rule may have changed the destination
	found     *filterHit
	may       []filterHit
}

// walkResult is how a chain was left.
type walkResult uint8

const (
	walkEnd  walkResult = iota // at its end, or by return: on to where it was jumped from, or the policy
	walkDone                   // a verdict
)

// maxJumps is how deep chains may be nested, NFT_JUMP_STACK_SIZE in the kernel.
const maxJumps = 16

func (w *filterWalk) hit(h filterHit, matched Answer) {
	if matched == Yes && w.sure {
		w.found = &h
		return
	}
	w.may = append(w.may, h)
}

func (w *filterWalk) chain(c *filterChain, depth int) walkResult {
	if depth > maxJumps {
		w.sure = false
		return walkEnd
	}
	for i := range c.rules {
		result, left := w.rule(&c.rules[i], depth)
		if w.found != nil {
			return walkDone
		}
		if left {
			return result
		}
	}
	return walkEnd
}

// rule follows one rule: its expressions from left to right, until one does not match or ends it. It reports whether the chain is left.
func (w *filterWalk) rule(r *filterRule, depth int) (result walkResult, left bool) {
	matched := Yes
	for _, e := range r.Expr {
		for key, v := range e { // each has one
			switch key {
			case "counter", "log", "comment":
			case "match":
				matched = both(matched, w.match(r, v))
			case "vmap":
				matched = both(matched, Unknown)
				if result, left = w.verdictMap(r, v, matched, depth); left {
					return result, true
				}
			case "xt":
				matched = w.xt(r, v, matched)
			case "accept", "drop", "reject", "jump", "goto", "return":
				return w.verdict(r, key, v, matched, depth)
			case "dnat", "redirect", "tproxy":
				w.rewritten, w.sure = true, false
			case "mangle", "snat", "masquerade", "continue", "notrack":
				// change nothing that is looked at here, but for what notrack does, see untracks
			default:
				matched = both(matched, Unknown) // limit, quota, queue, an extension
				w.sure = w.sure && key != "queue"
			}
		}
		if matched == No {
			return walkEnd, false
		}
	}
	return walkEnd, false
}

// verdict follows a verdict.
func (w *filterWalk) verdict(r *filterRule, key string, v any, matched Answer, depth int) (walkResult, bool) {
	h := filterHit{family: r.Family, table: r.Table, chain: r.Chain, handle: r.Handle}
	switch key {
	case "reject":
		h.reject = rejection(v)
		fallthrough
	case "drop":
		w.hit(h, matched)
		return walkDone, matched == Yes
	case "accept":
		w.sure = w.sure && matched == Yes
		return walkDone, matched == Yes
	case "return":
		w.sure = w.sure && matched == Yes
		return walkEnd, matched == Yes
	}
	target := w.rs.chains[r.Family+" "+r.Table+" "+textOf(v, "target")]
	if target == nil {
		w.sure = false
		return walkEnd, false
	}
	before := w.sure
	w.sure = before && matched == Yes
	result := w.chain(target, depth+1)
	if matched == Yes && result == walkDone {
		return walkDone, true
	}
	return result, matched == Yes && key == "goto"
}

// verdictMap notes the verdicts that a map may lead to.
func (w *filterWalk) verdictMap(r *filterRule, v any, matched Answer, depth int) (walkResult, bool) {
	m, _ := v.(map[string]any)
	elements := w.elements(r, m["data"])
	if elements == nil {
		w.sure = false
		return walkEnd, false
	}
	for _, e := range elements {
		pair, _ := e.([]any)
		if len(pair) != 2 {
			w.sure = false
			continue
		}
		is := w.compare(r, m["key"], pair[0], "==")
		to, _ := pair[1].(map[string]any)
		for key, v := range to {
			switch is {
			case Yes: // an element that matches is the only one
				if key == "continue" {
					return walkEnd, false
				}
				return w.verdict(r, key, v, Yes, depth)
			case Unknown:
				w.verdict(r, key, v, matched, depth)
			}
		}
	}
	return walkEnd, false
}

// xt is an extension of iptables, whose options nft's JSON leaves out.
func (w *filterWalk) xt(r *filterRule, v any, matched Answer) Answer {
	name := textOf(v, "name")
	switch {
	case textOf(v, "type") == "match" && name == "comment":
	case textOf(v, "type") == "match":
		return both(matched, Unknown)
	case name == "REJECT":
		h := filterHit{family: r.Family, table: r.Table, chain: r.Chain, handle: r.Handle, reject: "unknown"}
		w.hit(h, matched)
	case name == "DNAT" || name == "REDIRECT" || name == "TPROXY" || name == "DNPT":
		w.rewritten, w.sure = true, false
	case slices.Contains([]string{"LOG", "NFLOG", "MARK", "CONNMARK", "TCPMSS", "SNAT", "MASQUERADE", "CT", "DSCP", "TOS"}, name):
	default:
		w.sure = false
	}
	return matched
}

// both is the conjunction of two answers.
func both(a, b Answer) Answer {
	switch {
	case a == No || b == No:
		return No
	case a == Yes && b == Yes:
		return Yes
	}
	return Unknown
}

// rejection is the type of a reject in words.
func rejection(v any) string {
	typ, code := textOf(v, "type"), textOf(v, "expr")
	switch {
	case typ == "":
		return "port-unreachable"
	case code == "":
		return typ
	}
	return typ + " " + code
}

// textOf is a member of an object; "" where there is none.
func textOf(v any, key string) string {
	m, _ := v.(map[string]any)
	s, _ := m[key].(string)
	return s
}
