package probing

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/diagnose"
	"github.com/sallyport/sallyport/internal/proxy"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"

	"github.com/sallyport/sallyport/report"
)

// proxyList is the flag --proxy: "auto", "none", or proxies.
type proxyList struct {
	none    bool
	servers []proxy.Server
	err     error // what is wrong with the values: package flag would repeat these, with their passwords
}

func (l *proxyList) String() string { return "auto" }

// Set reads one value.
func (l *proxyList) Set(value string) error {
	switch value {
	case "auto":
		return nil
	case "none":
		l.none = true
		return nil
	}
	s, err := proxy.ParseServer(value)
	if err == nil && !slices.Contains(proxy.Schemes, s.Scheme) {
		err = fmt.Errorf("the scheme %s is not spoken: want one of %s", s.Scheme, strings.Join(proxy.Schemes, ", "))
	}
	if err != nil {
		l.err = errors.Join(l.err, fmt.Errorf("--proxy %s %w", proxy.WithoutUser(value), err))
		return nil
	}
	l.servers = append(l.servers, s)
	return nil
}

// environment is this process's.
func environment() map[string]string {
	env := map[string]string{}
	for _, entry := range os.Environ() {
		name, value, _ := strings.Cut(entry, "=")
		env[name] = value
	}
	return env
}

// proxies finds the proxies that flags and the environment name. Those that are not found are errors, each on its own, and left out.
func (l *proxyList) proxies(ctx context.Context, timeout time.Duration) (*probe.Proxies, error) {
	if l.none {
		return nil, nil
	}
	p := &probe.Proxies{Env: environment(), ByEnv: map[string]*probe.Via{}}
	var problems error
	for _, s := range l.servers {
		via, err := measure.Reach(ctx, s, "", timeout)
		if err != nil {
			problems = errors.Join(problems, err)
			continue
		}
		p.Given = append(p.Given, via)
	}
	if len(l.servers) > 0 { // those alone
		return p, problems
	}
	named, bad := probe.ProxyVariables(p.Env)
	for name, err := range bad {
		problems = errors.Join(problems, fmt.Errorf("%s: %w", name, err))
	}
	for _, name := range []string{"https_proxy", "http_proxy", "all_proxy"} {
		s, there := named[name]
		if !there {
			continue
		}
		via, err := measure.Reach(ctx, s.Server, s.Variable, timeout)
		if err != nil {
			problems = errors.Join(problems, fmt.Errorf("%s: %w", s.Variable, err))
			continue
		}
		p.ByEnv[name] = via
	}
	return p, problems
}

// maxRead is of how many targets it is kept what clients make of the proxy variables.
const maxRead = 4096

// noted keeps targets as they pass.
func (p *prober) noted(targets iter.Seq[probe.Target]) iter.Seq[probe.Target] {
	return func(yield func(probe.Target) bool) {
		for t := range targets {
			if len(p.seen) < maxRead {
				p.seen = append(p.seen, t)
			}
			if !yield(t) {
				return
			}
		}
	}
}

// useProxies makes the plan try targets by way of proxies as well.
func (p *prober) useProxies(ctx context.Context) {
	var err error
	if p.proxies, err = p.proxy.proxies(ctx, p.timeout); err != nil {
		p.bad.Store(true)
		for line := range strings.Lines(err.Error()) {
			line = strings.TrimSpace(line)
			p.found.Unresolved = append(p.found.Unresolved, report.Unresolved{Target: "proxy", Error: line})
			p.problem(line)
		}
	}
	if p.proxies != nil {
		p.plan.Proxies = p.proxies.For
	}
}

// untold are the findings that say no more than a way does that leads by a proxy alone.
func untold(findings []diagnose.Finding, ways []*probe.Way) []diagnose.Finding {
	return slices.DeleteFunc(findings, func(f diagnose.Finding) bool {
		return f.Cause == diagnose.ProxyNeeded && slices.ContainsFunc(ways, func(w *probe.Way) bool {
			to := f.Attempt.Destination
			return w.Kind == probe.OnlyByProxy && (w.Name == f.Attempt.Name || w.Name == to.Addr().String()) && slices.Contains(w.Ports, to.Port())
		})
	})
}
