package attempt

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// String is the step as strace would have it, with when it was made and how long it took:
//
//	bind(0.0.0.0:0) = -1 EACCES (permission denied), at 12:00:01.123, took 12 µs
func (s *Step) String() string {
	var b strings.Builder
	b.WriteString(s.CallText())
	switch {
	case s.How == Elided:
		b.WriteString(", not performed (--without-bind)")
	case s.How == Decided && s.Rule != "":
		b.WriteString(", decided by " + s.Rule)
	case s.How == Decided:
		b.WriteString(", decided by the profile")
	case s.How == Inferred && s.Detail != "":
		b.WriteString(", told by the rights that the program has")
	case s.How == Inferred && s.Call != CallReady && s.Call != CallClose:
		b.WriteString(", read off the socket afterwards")
	}
	if s.Count > 1 {
		fmt.Fprintf(&b, ", %d times", s.Count)
	}
	b.WriteString(", at " + s.At.Format("15:04:05.000"))
	if s.Took > 0 {
		b.WriteString(", took " + DurationText(s.Took))
	}
	return b.String()
}

// CallText is the call and its result alone: "connect(192.0.2.1:80) = -1 EINVAL (invalid argument)".
func (s *Step) CallText() string {
	address := s.Detail
	if s.Address.IsValid() {
		address = s.Address.String()
	}
	errno := s.Errno.Name() + " (" + s.Errno.Message() + ")"
	switch {
	case s.Call == CallClose:
		return "the program closed the socket"
	case s.Call == CallReady && s.Errno != 0:
		return "the connect ended: " + errno
	case s.Call == CallReady && s.Result < 0:
		return "the connect ended in an error that is the program's to read"
	case s.Call == CallReady:
		return "the connect ended: connected"
	case s.Call == CallSoError && s.Errno != 0:
		return s.Call.String() + " = 0, the error is " + errno
	case s.Call == CallSoError:
		return s.Call.String() + " = 0, no error"
	case s.How == Unseen:
		return fmt.Sprintf("%v(%s) = ?", s.Call, address)
	case s.Errno != 0:
		return fmt.Sprintf("%v(%s) = -1 %s", s.Call, address, errno)
	}
	return fmt.Sprintf("%v(%s) = %d", s.Call, address, s.Result)
}

// DurationText is a duration with the two or three digits that a person reads: "12 µs", "3.1 s",
// "2 min 7 s".
func DurationText(d time.Duration) string {
	switch {
	case d < 0:
		return "-" + DurationText(-d)
	case d < time.Microsecond:
		return strconv.FormatInt(int64(d), 10) + " ns"
	case d < 999500*time.Nanosecond:
		return digits(float64(d)/1e3) + " µs"
	case d < 999500*time.Microsecond:
		return digits(float64(d)/1e6) + " ms"
	case d < 59950*time.Millisecond:
		return digits(float64(d)/1e9) + " s"
	}
	d = d.Round(time.Second)
	if h := d / time.Hour; h > 0 {
		return fmt.Sprintf("%d h %d min", h, d%time.Hour/time.Minute)
	}
	return fmt.Sprintf("%d min %d s", d/time.Minute, d%time.Minute/time.Second)
}

// digits is a number below 1000 with one decimal below 10, and none from there on.
func digits(f float64) string {
	if f < 9.95 {
		return strings.TrimSuffix(strconv.FormatFloat(f, 'f', 1, 64), ".0")
	}
	return strconv.FormatFloat(f, 'f', 0, 64)
}
