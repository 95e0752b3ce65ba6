package probing

import (
	"fmt"
	"iter"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
)

// greeter makes handshakes, those with the user's own reflectors included where a token is there.
func (p *prober) greeter() (*measure.Greeter, error) {
	g := &measure.Greeter{}
	token, _, err := readToken(p.reflectToken)
	if err != nil {
		return nil, err
	}
	if token != nil {
		g.Reflection = &measure.Reflection{Token: token}
		return g, nil
	}
	for i := range p.targets {
		if t := &p.targets[i]; t.ForReflector() {
			return nil, fmt.Errorf("%s wants the token of its reflector: set %s, or give --reflect-token-file; sallyport reflect prints it there", t.Text, tokenVariable)
		}
	}
	return g, nil
}

// withCompanions adds the targets that tell what made the difference to those of reflectors, each once.
func withCompanions(targets iter.Seq[probe.Target]) iter.Seq[probe.Target] {
	return func(yield func(probe.Target) bool) {
		done := map[string]bool{} // of reflectors alone: other targets may be a million
		for t := range targets {
			if !t.ForReflector() {
				if !yield(t) {
					return
				}
				continue
			}
			for _, x := range append([]probe.Target{t}, t.Companions()...) {
				if done[x.Text] {
					continue
				}
				done[x.Text] = true
				if !yield(x) {
					return
				}
			}
		}
	}
}
