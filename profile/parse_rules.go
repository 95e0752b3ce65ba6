package profile

import (
	"fmt"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"go.yaml.in/yaml/v3"
)

// verdictWords are the verdicts that are one word. A bind has no network to refuse or drop it: it is
// allowed, or fails with an errno.
var verdictWords = map[string]VerdictKind{"allow": Allow, "refuse": Refuse, "unreachable": Unreachable, "drop": Drop}

const (
	wantBindVerdict   = "want allow or {errno: NAME}"
	wantEgressVerdict = "want allow, refuse, unreachable, drop or {errno: NAME}"
	wantLayerDefault  = "want abstain, allow, refuse, unreachable, drop or {errno: NAME}"
)

func (r *reader) bind(n *yaml.Node, p *Profile) {
	at, _ := r.fields(n, "bind", "default", "rules")
	if v := at["default"]; v != nil {
		p.Bind.Default, p.Bind.Line = r.verdict(v, "bind default", wantBindVerdict), v.Line
	}
	for i, item := range r.rules(at["rules"], "bind rules") {
		where := fmt.Sprintf("bind rule %d", i+1)
		rule := BindRule{Line: item.Line}
		f, _ := r.fields(item, where, "addresses", "ports", "protocols", "verdict", "reason")
		if f == nil {
			continue
		}
		rule.Addresses = r.blocks(f["addresses"], where, addresses)
		rule.Ports = r.ports(f["ports"], where)
		rule.Protocols = r.protocols(f["protocols"], where)
		if v := r.required(item, f, "verdict", where, wantBindVerdict); v != nil {
			rule.Verdict = r.verdict(v, where, wantBindVerdict)
		}
		if v := f["reason"]; v != nil {
			rule.Reason = r.line(v, where+": reason")
		}
		p.Bind.Rules = append(p.Bind.Rules, rule)
	}
}

func (r *reader) egress(n *yaml.Node, p *Profile) {
	at, _ := r.fields(n, "egress", "default", "timeout", "rules")
	if v := at["default"]; v != nil {
		p.Egress.Default, p.Egress.Line = r.verdict(v, "egress default", wantEgressVerdict), v.Line
	}
	r.timeout(at["timeout"], "egress default", "default", &p.Egress.Default)
	p.Egress.Rules = r.egressRules(at["rules"], "egress")
}

// egressRules is the rules of the section or layer named in.
func (r *reader) egressRules(n *yaml.Node, in string) (rules []EgressRule) {
	for i, item := range r.rules(n, in+" rules") {
		where := fmt.Sprintf("%s rule %d", in, i+1)
		rule := EgressRule{Line: item.Line}
		f, _ := r.fields(item, where,
			"sources", "destinations", "ports", "protocols", "verdict", "timeout", "reason", "from")
		if f == nil {
			continue
		}
		rule.Sources = r.blocks(f["sources"], where, sources)
		rule.Destinations = r.blocks(f["destinations"], where, destinations)
		rule.Ports = r.ports(f["ports"], where)
		rule.Protocols = r.protocols(f["protocols"], where)
		if v := r.required(item, f, "verdict", where, wantEgressVerdict); v != nil {
			rule.Verdict = r.verdict(v, where, wantEgressVerdict)
			r.timeout(f["timeout"], where, "verdict", &rule.Verdict)
		}
		if v := f["reason"]; v != nil {
			rule.Reason = r.line(v, where+": reason")
		}
		rule.From = r.origin(f["from"], where)
		rules = append(rules, rule)
	}
	return rules
}

func (r *reader) rules(n *yaml.Node, where string) []*yaml.Node {
	if n == nil {
		return nil
	}
	items, _ := r.list(n, where, "rules")
	return items
}

func (r *reader) verdict(n *yaml.Node, where, want string) Verdict {
	if n.Kind == yaml.MappingNode {
		at, ok := r.fields(n, where+": verdict", "errno")
		if v := at["errno"]; v != nil {
			return Verdict{Kind: DenyErrno, Errno: r.errno(v, where)}
		}
		if ok {
			r.problemf(n, where, "verdict is an empty mapping: %s", want)
		}
		return Verdict{}
	}
	s, ok := r.scalar(n, where+": verdict", want)
	if !ok {
		return Verdict{}
	}
	k, known := verdictWords[s]
	if s == "abstain" && want == wantLayerDefault {
		return Verdict{Kind: Abstain}
	}
	_, isErrno := attempt.ErrnoNamed(strings.ToUpper(s))
	switch {
	case isErrno:
		r.problemf(n, where, "unknown verdict %q: want {errno: %s}", s, strings.ToUpper(s))
	case s == "abstain":
		r.problemf(n, where, "verdict abstain is only for the default of a layer: %s", want)
	case !known:
		r.problemf(n, where, "unknown verdict %q: %s", s, want)
	case want == wantBindVerdict && k != Allow:
		r.problemf(n, where, "verdict %s is no answer of bind(2): %s", s, want)
	}
	return Verdict{Kind: k}
}

func (r *reader) errno(n *yaml.Node, where string) attempt.Errno {
	const want = "want a name such as EACCES"
	s, ok := r.scalar(n, where+": errno", want)
	if !ok {
		return 0
	}
	e, known := attempt.ErrnoNamed(s)
	if !known {
		var names []string
		for e := attempt.Errno(1); e < 134; e++ { // EHWPOISON, the last, is 133
			names = append(names, e.Name())
		}
		hint := want
		if likely := near(s, names); likely != "" && strings.HasPrefix(likely, "E") {
			hint = "did you mean " + likely + "?"
		}
		r.problemf(n, where, "unknown errno %q: %s", s, hint)
	}
	return e
}

// timeout sets the timeout of verdict v, which is that of the field named of.
func (r *reader) timeout(n *yaml.Node, where, of string, v *Verdict) {
	if n == nil {
		return
	}
	const want = "want a duration above 0 with its unit, such as 2s or 500ms"
	s, ok := r.scalar(n, where+": timeout", want)
	if !ok {
		return
	}
	d, err := time.ParseDuration(s)
	switch {
	case v.Kind != Drop:
		r.problemf(n, where, "timeout without %s drop: only what is dropped times out, want %s: drop or no timeout", of, of)
	case err != nil || d <= 0:
		r.problemf(n, where, "bad timeout %q: %s", s, want)
	default:
		v.Timeout = d
	}
}
