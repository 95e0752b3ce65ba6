package main

import (
	"math"
	"slices"
)

// Series is what one contender measured, a number a round. Units are the table's.
type Series struct {
	Name    string      `json:"name"`
	Base    string      `json:"base,omitempty"`    // the series that it is compared with
	Skipped string      `json:"skipped,omitempty"` // why there are no rounds
	Rounds  []float64   `json:"rounds,omitempty"`
	Beside  [][]float64 `json:"beside,omitempty"` // for each of the table's numbers beside the main one, a number a round
}

// sample is what one round measured.
type sample struct {
	value  float64
	beside []float64 // as many as the table has numbers beside the main one
}

func (s *Series) add(v sample) {
	s.Rounds = append(s.Rounds, v.value)
	if s.Beside == nil {
		s.Beside = make([][]float64, len(v.beside))
	}
	for i, b := range v.beside {
		s.Beside[i] = append(s.Beside[i], b)
	}
}

// wide is the width of a series, against its median, from which on it counts as noisy.
const wide = 0.5

// Noisy reports whether the rounds lie so far apart that the machine must have been busy with something else.
func (s *Series) Noisy() bool {
	return len(s.Rounds) > 0 && slices.Max(s.Rounds)-slices.Min(s.Rounds) > wide*median(s.Rounds)
}

// over is the median of the differences to another series in the same round; NaN where either has none.
func (s *Series) over(base *Series) float64 {
	return paired(s, base, func(a, b float64) float64 { return a - b })
}

// times is the median of the ratios to another series in the same round; NaN where either has none.
func (s *Series) times(base *Series) float64 {
	return paired(s, base, func(a, b float64) float64 { return a / b })
}

func paired(s, base *Series, f func(a, b float64) float64) float64 {
	n := min(len(s.Rounds), len(base.Rounds))
	both := make([]float64, n)
	for i := range n {
		both[i] = f(s.Rounds[i], base.Rounds[i])
	}
	return median(both)
}

// median is the middle of the numbers; NaN where there are none.
func median(numbers []float64) float64 {
	n := len(numbers)
	if n == 0 {
		return math.NaN()
	}
	sorted := slices.Sorted(slices.Values(numbers))
	return (sorted[(n-1)/2] + sorted[n/2]) / 2
}
