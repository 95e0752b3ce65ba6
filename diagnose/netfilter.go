package diagnose

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"

	"github.com/sallyport/sallyport/attempt"
)

// filtering is what a packet filter of the program's network namespace does with a failed attempt's first packet.
type filtering struct {
	read bool        // the rules could be read; nothing below says anything otherwise
	sure *filterHit  // the rule that denies it whatever the rest is; nil: none is certain
	may  []filterHit // rules that would, were what can't be decided here so
}

// filterHit is a rule, or a chain's policy, that drops or rejects.
type filterHit struct {
	family, table, chain string
	handle               int    // of the rule; 0: the chain's policy
	reject               string // "tcp reset", "icmp port-unreachable", "unknown"; "": it drops
	text                 string // as nft(8) shows it; "" where it was not asked
}

// where is the place of a hit as nft(8) takes it.
func (h *filterHit) where() string { return h.family + " " + h.table + " " + h.chain }

// packet is the first packet of an attempt, as far as it is known before it is made.
type packet struct {
	to, from netip.Addr // not valid: not known
	port     uint16
	protocol attempt.Protocol
	device   string // "": not known
	uid      int    // negative: not known
	tracked  bool   // connection tracking will call it new
}

// ruleset is what `nft -j list ruleset` prints (libnftables-json(5)), as far as it is looked at.
type ruleset struct {
	chains map[string]*filterChain // by "family table name"
	sets   map[string][]any        // elements, by "family table name"
}

type filterChain struct {
	Family, Table, Name, Hook, Policy, Type string
	Prio                                    int
	rules                                   []filterRule
}

type filterRule struct {
	Family, Table, Chain string
	Handle               int
	Expr                 []map[string]any
}

// parseRuleset reads nft's JSON.
func parseRuleset(b []byte) (*ruleset, error) {
	var doc struct {
		Nftables []struct {
			Chain *filterChain
			Rule  *filterRule
			Set   *struct {
				Family, Table, Name string
				Elem                []any
			}
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		return nil, fmt.Errorf("read nft's rules: %w", err)
	}
	rs := &ruleset{chains: map[string]*filterChain{}, sets: map[string][]any{}}
	for _, o := range doc.Nftables {
		switch {
		case o.Chain != nil:
			rs.chains[o.Chain.Family+" "+o.Chain.Table+" "+o.Chain.Name] = o.Chain
		case o.Set != nil:
			rs.sets[o.Set.Family+" "+o.Set.Table+" "+o.Set.Name] = o.Set.Elem
		}
	}
	for _, o := range doc.Nftables {
		if o.Rule == nil {
			continue
		}
		if c := rs.chains[o.Rule.Family+" "+o.Rule.Table+" "+o.Rule.Chain]; c != nil {
			c.rules = append(c.rules, *o.Rule)
		}
	}
	return rs, nil
}

// filter goes through the chains that a packet made here passes, in the kernel's order. What one chain accepts another may still drop.
func (rs *ruleset) filter(p packet) filtering {
	f := filtering{read: true}
	p.tracked = p.tracked && !rs.untracks()
	var base []*filterChain
	for _, c := range rs.chains {
		family := c.Family == "inet" || c.Family == "ip" && p.to.Is4() || c.Family == "ip6" && p.to.Is6()
		if family && (c.Hook == "output" || c.Hook == "postrouting") {
			base = append(base, c)
		}
	}
	slices.SortFunc(base, func(a, b *filterChain) int {
		return cmp.Or(cmp.Compare(a.Hook, b.Hook), cmp.Compare(a.Prio, b.Prio), cmp.Compare(a.Table, b.Table), cmp.Compare(a.Name, b.Name))
	})
	for _, c := range base {
		w := filterWalk{rs: rs, p: &p, sure: true}
		if w.chain(c, 0) == walkEnd && c.Policy == "drop" {
			w.hit(filterHit{family: c.Family, table: c.Table, chain: c.Name}, Yes)
		}
		f.may = append(f.may, w.may...)
		if w.found != nil {
			f.sure = w.found
			return f
		}
		if w.rewritten {
			p.to, p.port = netip.Addr{}, 0 // what follows sees another destination
			break
		}
	}
	return f
}

// untracks reports whether any rule turns connection tracking off for some packets.
func (rs *ruleset) untracks() bool {
	for _, c := range rs.chains {
		for _, r := range c.rules {
			for _, e := range r.Expr {
				if _, ok := e["notrack"]; ok {
					return true
				}
			}
		}
	}
	return false
}

// refuses reports whether a rejection of this type can end an attempt in outcome o (nf_reject_ipv4.c, icmp_err_convert in
// net/ipv4/icmp.c; the program that sends a datagram is told EPERM as for a drop).
func (h *filterHit) refuses(o attempt.Outcome, stream bool) bool {
	switch {
	case !stream:
		return o.Errno == attempt.EPERM
	case h.reject == "":
		return o.Kind == attempt.TimedOut
	case h.reject == "tcp reset":
		return o.Kind == attempt.Refused
	}
	// An ICMP error that comes back while the connect is still being made is lost (sock_owned_by_user, tcp_v4_err in net/ipv4/tcp_ipv4.c):
	// then it is silence, or the answer to a retransmission.
	return o.Kind == attempt.TimedOut || o.Kind == attempt.Refused || o.Kind == attempt.Unreachable || o.Errno == attempt.EACCES
}
