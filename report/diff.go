package report

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"

	"github.com/sallyport/sallyport/profile"
	"github.com/sallyport/sallyport/profile/flowset"
)

// Diff is what two profiles allow and the other does not. A and B are their names as the user gave them.
type Diff struct {
	A, B string
	profile.Differences
}

// Text writes the differences for people.
func (d Diff) Text(w io.Writer) error {
	b := bufio.NewWriter(w)
	if len(d.OnlyA)+len(d.OnlyB) == 0 {
		fmt.Fprintf(b, "%s and %s allow the same\n", printable(d.A), printable(d.B))
	}
	for _, side := range []struct {
		only, other string
		list        []profile.Difference
	}{{d.A, d.B, d.OnlyA}, {d.B, d.A, d.OnlyB}} {
		if len(side.list) == 0 {
			continue
		}
		fmt.Fprintf(b, "only %s allows\n", printable(side.only))
		for _, e := range side.list {
			for part := range e.Flows.All() {
				what := "bind to " + profile.Sources{Addrs: part.Addrs}.String()
				if !e.Bind {
					what = "connect from " + e.Sources.String() + " to " + destinations(part.Addrs)
				}
				fmt.Fprintf(b, "  %s: %s\n", what, transports(part.Transports))
			}
			fmt.Fprintf(b, "    allow, by %s\n", printable(e.Allowed.Words()))
			fmt.Fprintf(b, "    %s, by %s\n", e.Denied.Verdict, printable(e.Denied.Words()))
		}
	}
	return b.Flush()
}

var loopback = flowset.AddrsOf(netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128"))

// destinations is addresses by the words that profiles have for them.
func destinations(a flowset.Addrs) string {
	switch {
	case a.IsAll():
		return "every destination"
	case a.Equal(loopback):
		return "loopback"
	case a.Equal(loopback.Complement()):
		return "every destination but loopback"
	}
	return a.String()
}

func transports(t flowset.Transports) string {
	if t.IsAll() {
		return "every protocol"
	}
	return t.String()
}

// The shapes of docs/diff.schema.json.
type (
	diffJSON struct {
		Version int              `json:"version"`
		A       string           `json:"a"`
		B       string           `json:"b"`
		Equal   bool             `json:"equal"`
		OnlyA   []differenceJSON `json:"only_a"`
		OnlyB   []differenceJSON `json:"only_b"`
	}
	differenceJSON struct {
		Kind    string     `json:"kind"`
		Sources string     `json:"sources"`
		Flows   []partJSON `json:"flows"`
		Allowed byJSON     `json:"allowed_by"`
		Denied  byJSON     `json:"denied_by"`
		Verdict string     `json:"verdict"`
	}
	partJSON struct {
		To        []blockJSON         `json:"to"`
		Protocols map[string][]string `json:"protocols"`
	}
	blockJSON struct {
		CIDR   string   `json:"cidr"`
		Except []string `json:"except"`
	}
	byJSON struct {
		Profile string `json:"profile"`
		File    string `json:"file"`
		Section string `json:"section"`
		Rule    int    `json:"rule"`
		Line    int    `json:"line"`
		Reason  string `json:"reason"`
		From    string `json:"from"`
	}
)

// JSON writes what Text writes as one JSON document, docs/diff.schema.json.
func (d Diff) JSON(w io.Writer) error {
	doc := diffJSON{1, d.A, d.B, len(d.OnlyA)+len(d.OnlyB) == 0, differencesOf(d.OnlyA), differencesOf(d.OnlyB)}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(doc)
}

func differencesOf(list []profile.Difference) []differenceJSON {
	out := []differenceJSON{}
	for _, d := range list {
		j := differenceJSON{
			Kind: "bind", Flows: partsOf(d.Flows), Allowed: byOf(d.Allowed.By()), Denied: byOf(d.Denied.By()),
			Verdict: d.Denied.Verdict.String(),
		}
		if !d.Bind {
			j.Kind, j.Sources = "connect", d.Sources.String()
		}
		out = append(out, j)
	}
	return out
}

func partsOf(s flowset.Set) []partJSON {
	out := []partJSON{}
	for part := range s.All() {
		out = append(out, partJSON{To: blocksJSON(part.Addrs), Protocols: protocolsJSON(part.Transports)})
	}
	return out
}

func byOf(r *profile.RuleRef) byJSON {
	if r == nil {
		return byJSON{}
	}
	return byJSON{r.Profile, r.File, r.Section, r.Index, r.Line, r.Reason, r.From.String()}
}
