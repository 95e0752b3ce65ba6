package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
)

// readCluster reads the objects that arguments name, and says on stderr what is wrong with them.
func readCluster(args []string, stdin io.Reader, stderr io.Writer) *kube.Cluster {
	var sources []kube.Source
	for _, arg := range args {
		if arg == "-" {
			sources = append(sources, kube.Stream("-", stdin))
		} else {
			sources = append(sources, kube.Path(arg))
		}
	}
	c, problems := kube.Read(sources...)
	for _, p := range problems {
		problem(stderr, "%v", p)
	}
	return c
}

// findWorkload is the workload that a reference names: NAMESPACE/NAME or NAMESPACE/KIND/NAME.
func findWorkload(e *kube.Evaluator, ref string) (*kube.Workload, error) {
	parts := strings.Split(ref, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return nil, fmt.Errorf("%q is no workload: want NAMESPACE/NAME, or NAMESPACE/KIND/NAME", ref)
	}
	kind := ""
	if len(parts) == 3 {
		kind = parts[1]
	}
	var found []*kube.Workload
	for _, w := range e.Workloads() {
		if w.Namespace == parts[0] && w.Name == parts[len(parts)-1] && (kind == "" || strings.EqualFold(w.Kind, kind)) {
			found = append(found, w)
		}
	}
	switch {
	case len(found) == 0:
		return nil, fmt.Errorf("no workload is named %s", ref)
	case len(found) > 1:
		return nil, errors.New(ref + " names several workloads: " + found[0].String() + " and " + found[1].String())
	}
	return found[0], nil
}
