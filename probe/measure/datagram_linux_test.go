package measure

import (
	"encoding/binary"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// TestClockSkew tells how far this host's clock is from a server's, also over the end of NTP's first era, in 2036.
func TestClockSkew(t *testing.T) {
	for off, want := range map[time.Duration]string{
		0:                      "this host's clock agrees within a second",
		2 * time.Hour:          "this host's clock is 2 h 0 min behind",
		-90 * time.Second:      "this host's clock is 1 min 30 s ahead",
		20 * 365 * 24 * 3600e9: "behind",
	} {
		to := listenUDP(t, func(asked []byte) [][]byte {
			b := testNTP(asked)
			now := time.Now().Add(off)
			for _, at := range []int{32, 40} {
				binary.BigEndian.PutUint32(b[at:], uint32(now.Unix()+ntpEpoch))
				binary.BigEndian.PutUint32(b[at+4:], uint32(int64(now.Nanosecond())<<32/1e9))
			}
			return [][]byte{b}
		})
		r := run(t, []probe.Attempt{tryOf("ntp", to, attempt.UDP)}, goodTimeout)["ntp"]
		if r.Answer == nil || r.Answer.Skew == nil {
			t.Fatalf("%v: %s %s", off, brief(r.Answer), r.Words)
		}
		if got := fmt.Sprint(r.Answer.Detail); !strings.Contains(got, want) || (*r.Answer.Skew-off).Abs() > time.Second {
			t.Errorf("%v: %s, %v; want %s", off, got, *r.Answer.Skew, want)
		}
	}
}

// TestLostDatagram asks once more, and once only.
func TestLostDatagram(t *testing.T) {
	for _, lost := range []int{0, 1, 2} {
		came := 0
		to := listenUDP(t, func(asked []byte) [][]byte {
			came++
			if came <= lost {
				return nil
			}
			return [][]byte{[]byte("something else"), testDNS(asked), testDNS(asked)}
		})
		r := run(t, []probe.Attempt{tryOf("dns", to, attempt.UDP)}, 1500*time.Millisecond)["dns"]
		answered := r.Answer != nil && r.Answer.Service == "dns" && r.Words == "" && r.Verdict == probe.Allowed
		if answered != (lost < 2) || lost == 2 && r.Verdict != probe.Inconclusive {
			t.Errorf("%d lost: %v, %s, %s", lost, r.Verdict, brief(r.Answer), r.Words)
		}
	}
}
