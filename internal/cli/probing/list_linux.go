package probing

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// list shows what would be tried. Nothing is sent: a name stays a name, of which nobody knows how many addresses it has.
func (p *prober) list(ctx context.Context, all iter.Seq[probe.Target]) int {
	plan := *p.planFor()
	var rows []report.PlannedTarget
	attempts := 0
	for t := range all {
		row := report.PlannedTarget{Target: t}
		sources := map[string]bool{}
		for a := range plan.Attempts(ctx, slices.Values([]probe.Target{t})) {
			attempts++
			row.Attempts++
			if !sources[a.Variant] {
				sources[a.Variant] = true
				row.Sources = append(row.Sources, a.Variant)
			}
		}
		rows = append(rows, row)
	}
	if err := report.ProbeList(p.stdout, rows, attempts, report.TextOptions{Color: shell.Colour(p.stdout), Width: shell.Columns(p.stdout)}); err != nil {
		p.problem("write the list: " + err.Error())
		return shell.Failed
	}
	if p.bad.Load() {
		return shell.Found
	}
	return shell.OK
}

// planFor is the plan with names that stand for one address of each family, which is never sent to, and with the proxies by their names.
func (p *prober) planFor() *measure.Plan {
	plan := &measure.Plan{Place: p.plan.Place, Sources: p.plan.Sources, Families: p.plan.Families, Resolve: measure.Nobody}
	if p.proxy.none {
		return plan
	}
	known := &probe.Proxies{Env: environment(), ByEnv: map[string]*probe.Via{}}
	for _, s := range p.proxy.servers {
		known.Given = append(known.Given, &probe.Via{Server: s, Addr: measure.Anywhere})
	}
	if len(known.Given) == 0 {
		named, bad := probe.ProxyVariables(known.Env)
		for name, err := range bad {
			p.problem(fmt.Sprintf("%s: %v", name, err))
		}
		for name, via := range named {
			via.Addr = measure.Anywhere
			known.ByEnv[name] = via
		}
	}
	plan.Proxies = known.For
	return plan
}
