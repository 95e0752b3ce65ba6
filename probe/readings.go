package probe

import (
	"maps"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/internal/proxy"
)

// Reading is what clients make of the proxy variables, for targets of which they make the same, where they differ.
type Reading struct {
	Targets []string
	Direct  []proxy.Choice // those that go directly
	By      []proxy.Choice // those that take a proxy
}

// Readings are the targets for which clients choose different ways. Clients that read no variable without more ado are left out.
func (p *Proxies) Readings(targets []Target) []*Reading {
	if p == nil {
		return nil
	}
	var list []*Reading
	byKey := map[string]*Reading{}
	for i := range targets {
		t := &targets[i]
		if t.web() == "" || t.portCount() == 0 {
			continue
		}
		r := &Reading{}
		var key strings.Builder
		for _, c := range append(slices.Clone(proxy.Clients), proxy.Java) {
			x := c.Choose(p.Env, t.url(t.Ports[0].First))
			if c == proxy.Node && p.Env["NODE_USE_ENV_PROXY"] != "1" || c == proxy.Java && x.Variable == "" {
				continue
			}
			if x.Direct() {
				r.Direct = append(r.Direct, x)
			} else {
				r.By = append(r.By, x)
			}
			key.WriteString(strings.Join([]string{x.Variable, x.Exempt, x.List, x.Why}, "\x00") + "\x01")
		}
		if len(r.Direct) == 0 || len(r.By) == 0 {
			continue
		}
		if same := byKey[key.String()]; same != nil {
			r = same
		} else {
			byKey[key.String()] = r
			list = append(list, r)
		}
		if !slices.Contains(r.Targets, t.Text) {
			r.Targets = append(r.Targets, t.Text)
		}
	}
	return list
}

// Reasons are why clients go directly, those with the same reason together: "wget reads https_proxy in lower case alone".
func (r *Reading) Reasons() []string {
	names := map[string][]string{}
	var order []string
	for _, x := range r.Direct {
		why := x.Why
		switch {
		case x.Exempt != "":
			why = "heeds " + x.Exempt + " in " + x.List
		case why == "":
			why = "finds no variable that it reads"
		}
		if names[why] == nil {
			order = append(order, why)
		}
		names[why] = append(names[why], x.Client.String())
	}
	var out []string
	for _, why := range order {
		out = append(out, strings.Join(names[why], ", ")+": "+why)
	}
	return out
}

// Rules are how the items that exempt for some are read.
func (r *Reading) Rules() []string {
	rules := map[string]bool{}
	for _, x := range r.Direct {
		if x.Exempt != "" {
			if words := proxy.Rule(x.Exempt); words != "" {
				rules[x.Exempt+": "+words] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(rules))
}
