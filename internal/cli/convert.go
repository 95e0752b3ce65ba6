package cli

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube"
	"github.com/sallyport/sallyport/kube/convert"
	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/report"

	"github.com/sallyport/sallyport/internal/cli/shell"
)

const convertAbout = `Writes a profile as policy objects, as kubectl apply takes them, and lists what they cannot say. PROFILE is a built-in profile, a file, or -.
It exits with 1 where something was lost that changes what is allowed, but for the kinds that --accept-loss names.

With --from it takes what a cluster's OBJECTS (files, directories, -, REVISION:PATH) declare for a workload in the place of a profile; --to profile then
writes that as a profile, with the rule, file and line behind each of its rules. What the objects do not decide is denied there, and named.`

func convertProfile(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := shell.NewFlags("convert", "--to TARGET [FLAGS] PROFILE | --from WORKLOAD OBJECTS...", convertAbout, stderr)
	to := fs.String("to", "", "the `target`: "+strings.Join(convert.Targets(), ", ")+"; or profile")
	from := fs.String("from", "", "the `WORKLOAD` of a cluster, NAMESPACE/NAME, whose policy it is about")
	plugin := pluginFlag(fs)
	all := fs.Bool("all", false, "every problem of reading the objects")
	var o convert.Options
	fs.StringVar(&o.Namespace, "namespace", "", "the `namespace` of the objects; they name none without it")
	fs.StringVar(&o.Name, "name", "", "their `name`; the profile's without it")
	selector := fs.String("selector", "", "the `labels` of the pods, as app=web,tier=front; every pod of the namespace without it")
	cluster := fs.String("cluster", "", "the `prefixes` of the cluster's pods, nodes and services, as 10.128.0.0/14,172.30.0.0/16")
	accept := fs.String("accept-loss", "", "`kinds` of losses that may be, as bind,source; all for every one")
	output := fs.String("output", "yaml", "how to write it: yaml, or json with the losses in it")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	target, ok := convert.TargetOf(*to)
	err := shell.Choice("output", *output, "yaml", "json")
	if !ok && *to != toProfile {
		err = errors.Join(fmt.Errorf("--to %q: want one of %s, or profile", *to, strings.Join(convert.Targets(), ", ")), err)
	}
	accepted, wrong := kindsOf(*accept)
	assume, unknown := assumptions(*plugin)
	err = errors.Join(err, unknown, wrong, labelsOf(*selector, &o), prefixesOf(*cluster, &o))
	switch {
	case err != nil:
	case *from == "" && *to == toProfile:
		err = errors.New("--to profile wants the --from of a workload, and its cluster's objects")
	case *from == "" && fs.NArg() != 1:
		err = errors.New("want one profile: a built-in profile, a file, or -")
	case *from != "" && fs.NArg() == 0:
		err = errors.New("--from wants the cluster's objects: files, directories, -")
	case *to == toProfile && *output != "yaml":
		err = errors.New("--to profile is written as yaml")
	}
	if err != nil {
		shell.Problem(stderr, "convert: %v", err)
		return shell.Usage
	}
	p, open, err := toConvert(*from, assume, fs.Args(), stdin, *all, stderr)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	if *to == toProfile {
		return writeProfile(p, open, stdout, stderr)
	}
	result, err := convert.To(target, p, o)
	if err != nil {
		shell.Problem(stderr, "convert: %v", err)
		return shell.Usage
	}
	return writeObjects(result, *output, accepted, stdout, stderr)
}

const toProfile = "profile"

// toConvert is the profile to convert: a given one, or what objects declare for a workload. Open tells that the objects do not decide
// some of it.
func toConvert(from string, assume kube.Assumptions, args []string, stdin io.Reader, all bool, stderr io.Writer) (p *profile.Profile, open bool, err error) {
	if from == "" {
		ps, err := profiles(args, stdin)
		if err != nil {
			return nil, false, err
		}
		return ps[0], false, nil
	}
	e, err := evaluator(assume, args, stdin, all, stderr)
	if err != nil {
		return nil, false, err
	}
	named, err := e.Find(from)
	if err != nil {
		return nil, false, err
	}
	d, err := e.Profile(named.Workload)
	if err != nil {
		return nil, false, err
	}
	for _, n := range d.Notes {
		shell.Problem(stderr, "%s", n)
	}
	for _, r := range d.Undecided {
		shell.Problem(stderr, "not decidable, and denied in the profile: %v", r)
	}
	return d.Profile, len(d.Undecided) > 0, nil
}

func writeProfile(p *profile.Profile, open bool, stdout, stderr io.Writer) int {
	data, err := p.Encode()
	if err == nil {
		_, err = stdout.Write(data)
	}
	switch {
	case err != nil:
		shell.Problem(stderr, "convert: write the profile: %v", err)
		return shell.Failed
	case open:
		return shell.Found
	}
	return shell.OK
}

func writeObjects(r *convert.Result, output string, accepted []convert.Kind, stdout, stderr io.Writer) int {
	var err error
	if output == "json" {
		err = report.ConvertJSON(stdout, r)
	} else {
		err = writeYAML(stdout, r)
		err = errors.Join(err, report.ConvertLosses(stderr, r))
	}
	if err != nil {
		shell.Problem(stderr, "convert: write it: %v", err)
		return shell.Failed
	}
	if r.Changes(accepted...) {
		return shell.Found
	}
	return shell.OK
}

func writeYAML(w io.Writer, r *convert.Result) error {
	data, err := r.YAML()
	if err == nil {
		_, err = w.Write(data)
	}
	return err
}

func kindsOf(list string) (out []convert.Kind, err error) {
	for word := range fields(list) {
		switch {
		case word == "all":
			return convert.Kinds(), nil
		case !slices.Contains(convert.Kinds(), convert.Kind(word)):
			return nil, fmt.Errorf("--accept-loss %q: want all, or some of %v", word, convert.Kinds())
		}
		out = append(out, convert.Kind(word))
	}
	return out, nil
}

func labelsOf(list string, o *convert.Options) error {
	o.Labels = map[string]string{}
	for word := range fields(list) {
		k, v, ok := strings.Cut(word, "=")
		if !ok || strings.HasPrefix(v, "=") || strings.HasSuffix(k, "!") {
			return fmt.Errorf("--selector %q: want labels and their values, as app=web,tier=front", word)
		}
		if _, twice := o.Labels[k]; twice {
			return fmt.Errorf("--selector %q: the label %s is given twice", list, k)
		}
		o.Labels[k] = v
	}
	return nil
}

func prefixesOf(list string, o *convert.Options) error {
	for word := range fields(list) {
		p, err := netip.ParsePrefix(word)
		if err != nil {
			return fmt.Errorf("--cluster %q: want prefixes, as 10.128.0.0/14,172.30.0.0/16", word)
		}
		o.Cluster = append(o.Cluster, p)
	}
	return nil
}

// fields are the words of a list with commas.
func fields(list string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for word := range strings.SplitSeq(list, ",") {
			if word = strings.TrimSpace(word); word != "" && !yield(word) {
				return
			}
		}
	}
}
