package cli

import (
	"errors"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"

	"github.com/sallyport/sallyport/kube/convert"
	"github.com/sallyport/sallyport/report"
)

const convertAbout = `Writes a profile as policy objects, as kubectl apply takes them, and lists what they cannot say. PROFILE is a built-in profile, a file, or -.
It exits with 1 where something was lost that changes what is allowed, but for the kinds that --accept-loss names.`

func convertProfile(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	fs := newFlags("convert", "--to TARGET [FLAGS] PROFILE", convertAbout, stderr)
	to := fs.String("to", "", "the `target`: "+strings.Join(convert.Targets(), ", "))
	var o convert.Options
	fs.StringVar(&o.Namespace, "namespace", "", "the `namespace` of the objects; they name none without it")
	fs.StringVar(&o.Name, "name", "", "their `name`; the profile's without it")
	selector := fs.String("selector", "", "the `labels` of the pods, as app=web,tier=front; every pod of the namespace without it")
	cluster := fs.String("cluster", "", "the `prefixes` of the cluster's pods, nodes and services, as 10.128.0.0/14,172.30.0.0/16")
	accept := fs.String("accept-loss", "", "`kinds` of losses that may be, as bind,source; all for every one")
	output := fs.String("output", "yaml", "how to write it: yaml, or json with the losses in it")
	if status, done := parse(fs, args, stdout); done {
		return status
	}
	target, ok := convert.TargetOf(*to)
	err := choice("output", *output, "yaml", "json")
	if !ok {
		err = errors.Join(fmt.Errorf("--to %q: want one of %s", *to, strings.Join(convert.Targets(), ", ")), err)
	}
	accepted, wrong := kindsOf(*accept)
	err = errors.Join(err, wrong, labelsOf(*selector, &o), prefixesOf(*cluster, &o))
	if err == nil && fs.NArg() != 1 {
		err = errors.New("want one profile: a built-in profile, a file, or -")
	}
	if err != nil {
		problem(stderr, "convert: %v", err)
		return exitUsage
	}
	ps, err := profiles(fs.Args(), stdin)
	if err != nil {
		problem(stderr, "%v", err)
		return exitUsage
	}
	result, err := convert.To(target, ps[0], o)
	if err != nil {
		problem(stderr, "convert: %v", err)
		return exitUsage
	}
	return writeObjects(result, *output, accepted, stdout, stderr)
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
		problem(stderr, "convert: write it: %v", err)
		return exitFailed
	}
	if r.Changes(accepted...) {
		return exitFound
	}
	return exitOK
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
