package probe

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/spelling"
)

// Expectation is what must be true of attempts.
type Expectation struct {
	File   string
	Line   int
	Target Target
	Source attempt.Source
	Want   string // "allowed", "denied", "connected", "refused", "timed out" or "unreachable"
}

var wants = []string{"allowed", "denied", "connected", "refused", "timed out", "unreachable"}

// Met reports whether a result is as expected. What is inconclusive meets neither allowed nor denied, and where a protocol is expected its handshake has to
// succeed.
func (x *Expectation) Met(r *Result) bool {
	switch x.Want {
	case "allowed":
		return r.Verdict == Allowed && r.Stage != StageHandshake
	case "denied":
		return r.Verdict == Denied
	}
	return r.Stage != StageHandshake && r.Outcome.Kind.String() == x.Want
}

// String is "tcp to mail.example:25 from any is allowed".
func (x *Expectation) String() string {
	s := x.Target.Text
	if x.Source.Kind != attempt.SourceNone {
		s += " from " + x.Source.String()
	}
	return s + ": " + x.Want
}

// ReadExpectations reads a list of expectations: YAML, a list of mappings with to (a target), expect (one of the outcomes above), and
// from (none, any or an address; none where it is absent). The error has a line for each mistake.
func ReadExpectations(file string, data []byte) ([]Expectation, error) {
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return nil, fmt.Errorf("%s: %s", file, strings.TrimPrefix(err.Error(), "yaml: "))
	}
	r := expectReader{file: file}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.SequenceNode || len(doc.Content[0].Content) == 0 {
		return nil, fmt.Errorf("%s: want a list of expectations, each with the fields to and expect", file)
	}
	for _, n := range doc.Content[0].Content {
		r.entry(n)
	}
	if len(r.mistakes) > 0 {
		return nil, fmt.Errorf("%s", strings.Join(r.mistakes, "\n"))
	}
	return r.list, nil
}

type expectReader struct {
	file     string
	list     []Expectation
	mistakes []string
}

func (r *expectReader) mistake(n *yaml.Node, format string, args ...any) {
	r.mistakes = append(r.mistakes, fmt.Sprintf("%s:%d: ", r.file, n.Line)+fmt.Sprintf(format, args...))
}

func (r *expectReader) entry(n *yaml.Node) {
	if n.Kind != yaml.MappingNode {
		r.mistake(n, "want a mapping with to: and expect:")
		return
	}
	before := len(r.mistakes)
	x := Expectation{File: r.file, Line: n.Line}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case seen[k.Value]:
			r.mistake(k, "%s is given twice: want it once", k.Value)
		case v.Kind != yaml.ScalarNode || v.ShortTag() == "!!null":
			r.mistake(v, "%s: want one word", k.Value)
		case k.Value == "to":
			t, err := Parse(v.Value)
			if err != nil {
				r.mistake(v, "%v", err)
			}
			x.Target = t
		case k.Value == "from":
			r.from(v, &x)
		case k.Value == "expect":
			if x.Want = v.Value; !slices.Contains(wants, v.Value) {
				r.mistake(v, "expect %q: %s", v.Value, nearest(v.Value, wants))
			}
		default:
			r.mistake(k, "unknown field %q: %s", k.Value, nearest(k.Value, []string{"to", "from", "expect"}))
		}
		seen[k.Value] = true
	}
	for _, name := range []string{"to", "expect"} {
		if !seen[name] {
			r.mistake(n, "has no %s:", name)
		}
	}
	if len(r.mistakes) == before {
		r.list = append(r.list, x)
	}
}

func (r *expectReader) from(v *yaml.Node, x *Expectation) {
	switch v.Value {
	case "none":
	case "any":
		x.Source = attempt.Source{Kind: attempt.SourceAny}
	default:
		a, err := netip.ParseAddr(v.Value)
		if err != nil {
			r.mistake(v, "from %q: want none, any, or an address", v.Value)
			return
		}
		x.Source = attempt.SourceOf(netip.AddrPortFrom(a.Unmap(), 0))
	}
}

func nearest(s string, words []string) string {
	for _, w := range words {
		if spelling.Distance(s, w) <= 2 {
			return "did you mean " + w + "?"
		}
	}
	return "want one of " + strings.Join(words, ", ")
}

// Unmet is an expectation with what came of it instead.
type Unmet struct {
	*Expectation
	Results []Result // those that are not as expected; empty where none was made, since the name was not found
}

// Judge collects what is not as expected.
type Judge struct {
	List  []Expectation
	made  map[*Expectation]int
	unmet map[*Expectation][]Result
}

// maxUnmet is how many results that are not as expected are kept of one expectation.
const maxUnmet = 16

// Add takes one result in.
func (j *Judge) Add(r *Result) {
	if r.Expected == nil {
		return
	}
	if j.made == nil {
		j.made, j.unmet = map[*Expectation]int{}, map[*Expectation][]Result{}
	}
	j.made[r.Expected]++
	if !r.Expected.Met(r) && len(j.unmet[r.Expected]) < maxUnmet {
		j.unmet[r.Expected] = append(j.unmet[r.Expected], *r)
	}
}

// Unmet are those that are not met, in their order.
func (j *Judge) Unmet() []Unmet {
	var list []Unmet
	for i := range j.List {
		x := &j.List[i]
		if results := j.unmet[x]; len(results) > 0 || j.made[x] == 0 {
			list = append(list, Unmet{x, results})
		}
	}
	return list
}
