//go:build linux

package measure

import (
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// ntpEpoch is 1900-01-01, from which NTP counts (RFC 5905, section 6), before the Unix epoch.
const ntpEpoch = 2208988800

// greetNTP asks for the time as a client does, and tells how far this host's clock is from it.
func greetNTP(s *session) (*probe.Answer, error) {
	sent := map[[8]byte]time.Time{}
	ask := func() []byte {
		b := make([]byte, 48)
		b[0] = 4<<3 | 3 // version 4, mode 3: client (RFC 5905, section 7.3)
		// The transmit timestamp comes back as the origin's, so a number that nobody can guess does, and tells nothing of this clock.
		_, _ = rand.Read(b[40:])
		sent[[8]byte(b[40:])] = time.Now()
		return b
	}
	var arrived, begun time.Time
	b, err := s.ask(ask, func(b []byte) bool {
		arrived = time.Now()
		if len(b) < 48 {
			return false
		}
		var ours bool
		begun, ours = sent[[8]byte(b[24:])]
		return ours && b[0]&7 == 4
	})
	if err != nil {
		return nil, err
	}
	return ntpAnswer(b, begun, arrived)
}

// ntpAnswer reads an answer of 48 bytes at least.
func ntpAnswer(b []byte, begun, arrived time.Time) (*probe.Answer, error) {
	if len(b) < 48 || b[0]&7 != 4 {
		return nil, errOther
	}
	a := &probe.Answer{Service: "ntp", Version: fmt.Sprintf("NTPv%d", b[0]>>3&7)}
	stratum := b[1]
	switch {
	case stratum == 0: // RFC 5905, section 7.4
		a.Detail = []string{"refuses: " + printable(b[12:16])}
		return a, nil
	case b[0]>>6 == 3 || stratum >= 16:
		a.Detail = []string{"its clock is not synchronized"}
		return a, nil
	}
	a.Detail = []string{fmt.Sprintf("stratum %d", stratum)}
	in, out := ntpTime(b[32:], arrived), ntpTime(b[40:], arrived)
	skew := (in.Sub(begun) + out.Sub(arrived)) / 2
	a.Skew = &skew
	a.Detail = append(a.Detail, skewWords(skew))
	return a, nil
}

// ntpTime is a timestamp in the era that is nearest to a time: 32 bits of seconds last 136 years.
func ntpTime(b []byte, near time.Time) time.Time {
	seconds := int64(binary.BigEndian.Uint32(b)) - ntpEpoch
	nanos := int64(binary.BigEndian.Uint32(b[4:])) * int64(time.Second) >> 32
	const era = 1 << 32
	seconds += (near.Unix() - seconds + era/2) >> 32 << 32
	return time.Unix(seconds, nanos)
}

// skewWords says how far the other end's clock is ahead of this host's.
func skewWords(skew time.Duration) string {
	switch {
	case skew.Abs() < time.Second:
		return "this host's clock agrees within a second"
	case skew > 0:
		return "this host's clock is " + attempt.DurationText(skew.Round(time.Second)) + " behind"
	}
	return "this host's clock is " + attempt.DurationText((-skew).Round(time.Second)) + " ahead"
}
