package oracles

import (
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile/flowset"
)

// question is which of the connections of a directory a file of expectations lists. Its name says it.
type question struct {
	dir         string
	kind        string // connlist, explain, exposure, explain_exposure
	focus, with []string
	direction   string
	port        flowset.Transports // the one that is asked for, or all
	only        string             // "allow" or "deny"
}

// questionOf takes the name of a file apart: DIR[_focus_workload_NAMES[_ingress|_egress][_with_NAMES]][_PROTOCOL-PORT][_allow|_deny]_KIND_output.
func questionOf(file string, dirs []string) (q question, ok bool) {
	q.port = ported
	name, ok := strings.CutSuffix(file, "_output")
	if !ok {
		return q, false
	}
	for _, kind := range []string{"explain_exposure", "explain", "exposure", "connlist"} {
		if q.kind == "" {
			if rest, ok := strings.CutSuffix(name, "_"+kind); ok {
				name, q.kind = rest, kind
			}
		}
	}
	for _, only := range []string{"allow", "deny"} {
		if rest, ok := strings.CutSuffix(name, "_"+only); ok && q.kind == "explain" && !slices.Contains(dirs, name) {
			name, q.only = rest, only
		}
	}
	if i := strings.LastIndex(name, "_"); i > 0 && !slices.Contains(dirs, name) {
		protocol, port, _ := strings.Cut(name[i+1:], "-")
		if p, err := protocolNamed(protocol); err == nil {
			if ports, err := portRange(port); err == nil {
				name, q.port = name[:i], flowset.Transport(p, ports)
			}
		}
	}
	name, focus, _ := strings.Cut(name, "_focus_workload_")
	focus, with, _ := strings.Cut(focus, "_with_")
	for _, d := range []string{"ingress", "egress"} {
		if rest, ok := strings.CutSuffix(focus, "_"+d); ok {
			focus, q.direction = rest, d
		}
	}
	q.dir, q.focus, q.with = name, []string{focus}, []string{with}
	return q, slices.Contains(dirs, name) && q.kind != ""
}

// resolve finds the names of workloads that the file's name has joined by underscores.
func (q *question) resolve(w *world) bool {
	ok := true
	for _, list := range []*[]string{&q.focus, &q.with} {
		if joined := (*list)[0]; joined == "" {
			*list = nil
		} else {
			found := w.split(joined)
			*list, ok = found, ok && found != nil
		}
	}
	return ok
}

// split takes names that were joined apart, each NAME or NAMESPACE_NAME.
func (w *world) split(joined string) []string {
	for _, name := range append([]string{router}, w.names...) {
		short, long := shortNames(name)
		for _, s := range []string{strings.ReplaceAll(long, "/", "_"), short} {
			rest, ok := strings.CutPrefix(joined, s)
			if !ok {
				continue
			}
			as := short
			if s != short {
				as = long
			}
			if rest == "" {
				return []string{as}
			}
			if rest, ok := strings.CutPrefix(rest, "_"); ok {
				if others := w.split(rest); others != nil {
					return append([]string{as}, others...)
				}
			}
		}
	}
	return nil
}

// includes reports whether connections from one to another are listed. A range of addresses has the name "".
func (q *question) includes(from, to string) bool {
	is := func(name string, list []string) bool {
		short, long := shortNames(name)
		return len(list) == 0 || name != "" && (slices.Contains(list, short) || slices.Contains(list, long))
	}
	if q.direction == kube.Ingress.String() && !is(to, q.focus) || q.direction == kube.Egress.String() && !is(from, q.focus) {
		return false
	}
	return is(from, q.focus) && (len(q.focus) == 0 || is(to, q.with)) || is(to, q.focus) && (len(q.focus) == 0 || is(from, q.with))
}
