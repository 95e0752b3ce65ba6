package probing

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/profile"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// files is a flag that may be given again.
type files []string

func (f *files) String() string         { return "" }
func (f *files) Set(value string) error { *f = append(*f, value); return nil }

// isDirectory reports whether an argument is one, and so holds objects.
func isDirectory(arg string) bool {
	st, err := os.Stat(arg)
	return err == nil && st.IsDir()
}

// readObjects reads a cluster's objects, and tells what was wrong with them, in few lines.
func readObjects(paths []string, stdin io.Reader, stderr io.Writer) (*kube.Evaluator, error) {
	var sources []kube.Source
	for _, path := range paths {
		if path == "-" {
			sources = append(sources, kube.Stream("standard input", stdin))
			continue
		}
		if _, err := os.Stat(path); err != nil {
			return nil, fmt.Errorf("read objects: %w", err)
		}
		sources = append(sources, kube.Path(path))
	}
	c, problems := kube.Read(sources...)
	errs, shown := 0, 0
	for _, p := range problems {
		if p.Severity != kube.Error {
			continue
		}
		if errs++; shown < 5 {
			shown++
			shell.Problem(stderr, "error: %s", p.Error())
		}
	}
	if errs > shown {
		shell.Problem(stderr, "%d more errors: `sallyport sheet --all --from NAMESPACE/NAME ...` lists them", errs-shown)
	}
	return kube.Compile(c, kube.Assumptions{}), nil
}

// workload is the workload that --from names; nil where it names none.
func workload(e *kube.Evaluator, from string) (*kube.Workload, error) {
	if from == "" {
		return nil, nil
	}
	named, err := e.Find(from)
	if err != nil {
		return nil, fmt.Errorf("--from: %w", err)
	}
	return named.Workload, nil
}

// objectTargets are the destinations that objects name, each once.
func objectTargets(paths []string, from string, stdin io.Reader, stderr io.Writer) ([]probe.Target, error) {
	e, err := readObjects(paths, stdin, stderr)
	if err != nil {
		return nil, err
	}
	w, err := workload(e, from)
	if err != nil {
		return nil, err
	}
	mentions, left := e.Mentions(w)
	for i, words := range left {
		if i == 5 {
			shell.Problem(stderr, "left out: %d more", len(left)-i)
			break
		}
		shell.Problem(stderr, "left out: %s", words)
	}
	var list []probe.Target
	for i := range mentions {
		m := &mentions[i]
		t, err := probe.Parse(targetText(m))
		if err != nil {
			shell.Problem(stderr, "left out: %v: %s: %v", m.Pos, m.By, err)
			continue
		}
		t.Origin = fmt.Sprintf("%v (%s)", m.Pos, m.By)
		same := slices.IndexFunc(list, func(o probe.Target) bool { return o.Text == t.Text })
		if same < 0 {
			list = append(list, t)
		} else if strings.Count(list[same].Origin, ", ") < 2 && !strings.Contains(list[same].Origin, t.Origin) {
			list[same].Origin += ", " + t.Origin
		}
	}
	if len(list) == 0 {
		return nil, errors.New("the objects name no destination with a port: want workloads with variables or arguments, Services, or policies with names and addresses")
	}
	return list, nil
}

// targetText is a mention as a target is written. A scheme of which no handshake is known here leaves host and port.
func targetText(m *kube.Mention) string {
	host := m.Host
	if a, err := netip.ParseAddr(host); err == nil && a.Is6() {
		host = "[" + host + "]"
	}
	ports := make([]string, len(m.Ports))
	for i, p := range m.Ports {
		ports[i] = fmt.Sprint(p)
	}
	if len(ports) > 0 {
		host += ":" + strings.Join(ports, ",")
	}
	switch {
	case slices.Contains(probe.Schemes(), m.Scheme) && m.Protocol == kube.TCP:
		return m.Scheme + "://" + host
	case m.Protocol == kube.UDP:
		return "udp://" + host
	}
	return host
}

// declared is what --compare names: a profile, or with --from what the objects there declare for a workload.
func declared(arg, from string, stdin io.Reader, stderr io.Writer) (*profile.Profile, error) {
	if !isDirectory(arg) { // --from may be for --objects alone
		p, err := profile.Load(arg, stdin)
		if err == nil || from == "" || arg == "-" {
			return p, err
		}
	}
	if from == "" {
		return nil, fmt.Errorf("--compare %s: these are objects of a cluster, so it has to know whose profile is meant: want --from NAMESPACE/NAME", arg)
	}
	e, err := readObjects([]string{arg}, stdin, stderr)
	if err != nil {
		return nil, err
	}
	w, err := workload(e, from)
	if err != nil {
		return nil, err
	}
	d, err := e.Profile(w)
	if err != nil {
		return nil, err
	}
	for i, r := range d.Undecided {
		if i == 3 {
			shell.Problem(stderr, "not decidable: %d more", len(d.Undecided)-i)
			break
		}
		shell.Problem(stderr, "not decidable, and taken as denied: %v: %s %s", r.Pos, r.Field, r.Words)
	}
	return d.Profile, nil
}
