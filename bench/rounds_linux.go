package main

import (
	"errors"
	"fmt"
)

// contender is one of those that take turns in a benchmark.
type contender struct {
	name    string
	base    string // the contender that it is compared with; "": none
	measure func() (sample, error)
}

// unavailable says why a contender can't be measured here, which is no failure of the benchmark: a peer is not installed.
type unavailable string

func (u unavailable) Error() string { return string(u) }

// interleave lets the contenders take turns, and is their series in the same order. One that is unavailable is
// left out from then on.
func (b *bench) interleave(rounds int, contenders []contender) ([]Series, error) {
	out := make([]Series, len(contenders))
	for round := range rounds {
		for i, c := range contenders {
			s := &out[i]
			s.Name, s.Base = c.name, c.base
			if s.Skipped != "" {
				continue
			}
			b.progress(fmt.Sprintf("round %d of %d: %s", round+1, rounds, c.name))
			v, err := c.measure()
			var why unavailable
			switch {
			case errors.As(err, &why):
				s.Skipped, s.Rounds, s.Beside = string(why), nil, nil
			case err != nil:
				return nil, fmt.Errorf("%s: %w", c.name, err)
			default:
				s.add(v)
			}
		}
	}
	return out, nil
}
