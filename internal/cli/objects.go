package cli

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"

	"github.com/sallyport/sallyport/internal/revision"
	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/profile"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

// standardInput is the name that problems in it have.
const standardInput = "standard input"

// policy is what the arguments of a command name: either one profile each, or objects all together.
type policy struct {
	objects bool
	args    []string
	stdin   io.Reader // not yet read, or what was read of it
}

// policyOf looks what arguments are, and reads no more than it takes to tell. Objects tells that profiles won't do.
func policyOf(args []string, stdin io.Reader, objects bool) (*policy, error) {
	p := &policy{args: args, stdin: stdin}
	dashes := 0
	for _, arg := range args {
		if arg == "-" {
			dashes++
		}
	}
	if dashes > 1 {
		return nil, errors.New("standard input (-) is given twice, and can be read once: want a file for one of them")
	}
	var count [isObjects + 1]int
	for _, arg := range args {
		n, err := p.nature(arg)
		if errors.Is(err, fs.ErrNotExist) && (objects || count[isObjects] > 0) {
			return nil, fmt.Errorf("there is no file or directory %s", arg)
		}
		if err != nil {
			return nil, err
		}
		count[n]++
	}
	if count[isProfile] > 0 && count[isObjects] > 0 {
		return nil, errors.New("want profiles or objects, and not some of each")
	}
	p.objects = count[isObjects] > 0 || objects && count[isProfile] == 0
	return p, nil
}

// nature is what an argument is.
type nature uint8

const (
	isUnclear nature = iota // names no kind: what it lacks is said as of a profile, where nothing beside it is objects
	isProfile
	isObjects
)

var kindOf = regexp.MustCompile(`(?m)(?:^|[\s{,"-])kind"?\s*:\s*"?'?(\w+)`)

// natureOf tells by the first kind that a text names.
func natureOf(text []byte) nature {
	m := kindOf.FindSubmatch(text)
	switch {
	case m == nil:
		return isUnclear
	case string(m[1]) == "EgressProfile":
		return isProfile
	}
	return isObjects
}

// nature tells what an argument is: a directory and a tree of a git revision hold objects.
func (p *policy) nature(arg string) (nature, error) {
	if _, ok := profile.Builtin(arg); ok {
		return isProfile, nil
	}
	if arg == "-" {
		if p.stdin == nil {
			return isUnclear, errors.New("there is no standard input: want a file")
		}
		text, err := io.ReadAll(p.stdin)
		if err != nil {
			return isUnclear, fmt.Errorf("read standard input: %w", err)
		}
		p.stdin = bytes.NewReader(text)
		return natureOf(text), nil
	}
	f, err := os.Open(arg)
	if errors.Is(err, fs.ErrNotExist) && revision.Is(arg) {
		return isObjects, nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		_, err := profile.Load(arg, nil) // says which built-in profile was meant
		return isUnclear, err
	}
	if err != nil {
		return isUnclear, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return isObjects, err
	}
	head, err := io.ReadAll(io.LimitReader(f, 64<<10))
	return natureOf(head), err
}

// cluster reads the objects of some arguments: files, directories, "-", and REVISION:PATH as git takes it.
func (p *policy) cluster(args []string) (*kube.Cluster, []kube.Problem, error) {
	var sources []kube.Source
	for _, arg := range args {
		switch _, err := os.Stat(arg); {
		case arg == "-":
			sources = append(sources, kube.Stream(standardInput, p.stdin))
		case errors.Is(err, fs.ErrNotExist) && revision.Is(arg):
			files, err := revision.Files(arg, kube.IsManifest)
			if err != nil {
				return nil, nil, err
			}
			for _, f := range files {
				sources = append(sources, kube.Found(f.Name, strings.NewReader(f.Text)))
			}
		default:
			sources = append(sources, kube.Path(arg))
		}
	}
	c, problems := kube.Read(sources...)
	return c, problems, nil
}

// reading tells what was wrong with the objects: errors first, and of warnings how many, in few lines.
func reading(stderr io.Writer, problems []kube.Problem, all bool) {
	for _, severity := range []kube.Severity{kube.Error, kube.Warning} {
		n, most := 0, 5
		if severity == kube.Warning {
			most = 2
		}
		for _, p := range problems {
			if p.Severity != severity {
				continue
			}
			if n++; n <= most || all {
				shell.Problem(stderr, "%v: %s", severity, p.Error())
			}
		}
		switch more := n - most; {
		case all || more <= 0:
		case more == 1:
			shell.Problem(stderr, "1 more %v: --all tells it", severity)
		default:
			shell.Problem(stderr, "%d more %vs: --all lists them", more, severity)
		}
	}
}

// wantFrom is what to say where --from is missing.
func wantFrom(command string, e *kube.Evaluator) error {
	var names []string
	for _, w := range e.Workloads() {
		if len(names) == 5 {
			names = append(names, "...")
			break
		}
		names = append(names, w.Namespace+"/"+w.Name)
	}
	if len(names) == 0 {
		return errors.New(command + ": no workload was read: want the objects of pods, or of what makes them, beside the policies")
	}
	return fmt.Errorf("%s: these are objects of a cluster, so it has to know who connects: want --from NAMESPACE/NAME, of %s", command, strings.Join(names, ", "))
}

// pluginFlag is the flag that names the network plugin of the cluster.
func pluginFlag(fs *flag.FlagSet) *string {
	return fs.String("plugin", "", "the network `plugin` of the cluster, for what the API leaves to it: "+strings.Join(kube.Plugins(), ", "))
}

// assumptions are those of the plugin that a flag names.
func assumptions(plugin string) (kube.Assumptions, error) {
	if plugin == "" {
		return kube.Assumptions{}, nil
	}
	a, known := kube.PluginNamed(plugin)
	if !known {
		return a, shell.Choice("plugin", plugin, kube.Plugins()...)
	}
	return a, nil
}
