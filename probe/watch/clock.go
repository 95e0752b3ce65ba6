package watch

import "time"

// Clock tells when rounds begin: at steady times, so that they drift not. It has no clock of its own.
type Clock struct {
	Begin    time.Time // of the first round
	Interval time.Duration

	n int64 // the last time that was given, in intervals
}

// Next is when the next round begins, once the last one has ended: the next of the steady times. Missed is how many of these passed while it
// was under way.
func (c *Clock) Next(now time.Time) (at time.Time, missed int) {
	next := c.n + 1
	if passed := now.Sub(c.Begin); passed > 0 {
		next = max(next, int64((passed+c.Interval-1)/c.Interval)) // a round that ends on time misses none
	}
	missed = int(next - c.n - 1)
	c.n = next
	return c.Begin.Add(time.Duration(next) * c.Interval), missed
}
