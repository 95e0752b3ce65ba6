package measure

import (
	"context"
	"iter"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"

	"github.com/sallyport/sallyport/probe"
)

// nothingLeft checks that what was done has left no goroutine and no descriptor.
func nothingLeft(t *testing.T, do func()) {
	t.Helper()
	count := func() (int, int) {
		files, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return runtime.NumGoroutine(), len(files)
	}
	do() // what the runtime keeps, it has from then on
	routines, files := count()
	do()
	until := time.Now().Add(5 * time.Second)
	for {
		r, f := count()
		if r <= routines && f <= files {
			return
		}
		if time.Now().After(until) {
			b := make([]byte, 1<<16)
			t.Fatalf("goroutines: %d, then %d; descriptors: %d, then %d\n%s", routines, r, files, f, b[:runtime.Stack(b, true)])
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func tcp(to netip.AddrPort) probe.Attempt {
	return probe.Attempt{Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: to}, Target: &probe.Target{}, Variant: "no bind"}
}

// endlessly is attempts without an end: refused, silent (nobody is behind the loopback device), and connected.
func endlessly(open netip.AddrPort) iter.Seq[probe.Attempt] {
	return func(yield func(probe.Attempt) bool) {
		for i := 0; ; i++ {
			a := tcp(open)
			switch i % 3 {
			case 0:
				a = tcp(netip.AddrPortFrom(open.Addr(), uint16(i%1000+1)))
			case 1:
				a = tcp(netip.MustParseAddrPort("192.0.2.1:80"))
				a.Device = "lo"
			}
			if !yield(a) {
				return
			}
		}
	}
}

// TestRunLeft leaves the loop early, or is cancelled, in the middle of attempts that wait, and of handshakes.
func TestRunLeft(t *testing.T) {
	open := listen(t, func(c net.Conn) { _, _ = c.Read(make([]byte, 1)) })
	for name, limits := range map[string]Limits{
		"fast":   {Rate: -1, PerHost: -1, Concurrency: 200},
		"gentle": {Rate: 2000},
	} {
		t.Run(name+", left", func(t *testing.T) {
			nothingLeft(t, func() {
				n := 0
				for range Run(context.Background(), endlessly(open), limits, Meet) {
					if n++; n == 50 {
						break
					}
				}
			})
		})
		t.Run(name+", cancelled", func(t *testing.T) {
			nothingLeft(t, func() {
				ctx, stop := context.WithCancel(context.Background())
				defer stop()
				n, begin := 0, time.Now()
				for r := range Run(ctx, endlessly(open), limits, Meet) {
					if n++; n == 50 {
						stop()
						begin = time.Now()
					}
					if r.Outcome.Kind == attempt.Cancelled && r.Verdict != probe.Inconclusive {
						t.Errorf("cancelled, and %v", r.Verdict)
					}
				}
				if d := time.Since(begin); d > time.Second {
					t.Errorf("ended %v after", d)
				}
			})
		})
	}
	t.Run("before it begins", func(t *testing.T) {
		nothingLeft(t, func() {
			ctx, stop := context.WithCancel(context.Background())
			stop()
			for range Run(ctx, endlessly(open), Limits{}, nil) {
			}
		})
	})
}

// TestRunAllocates next to nothing for an attempt that is refused at once.
func TestRunAllocates(t *testing.T) {
	if !canReuse() {
		t.Error("sockets are not used again here")
	}
	target := &probe.Target{}
	const count = 20000
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	got := 0
	for r := range Run(context.Background(), func(yield func(probe.Attempt) bool) {
		for i := range count {
			a := tcp(netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}), 1))
			a.Target = target
			if !yield(a) {
				return
			}
		}
	}, Limits{Rate: -1, PerHost: -1, Concurrency: 100}, nil) {
		if r.Outcome.Kind == attempt.Refused {
			got++
		}
	}
	runtime.ReadMemStats(&after)
	if got != count {
		t.Errorf("%d refused", got)
	}
	if n := float64(after.Mallocs-before.Mallocs) / count; n > 5 { // a host of its own for each: three
		t.Errorf("%.1f allocations for each attempt", n)
	}
}

// TestReusedSockets has each of many ports refused or connected by sockets that were used before, as fresh ones are.
func TestReusedSockets(t *testing.T) {
	home := netip.MustParseAddr("127.0.0.1")
	want := map[netip.AddrPort]attempt.Kind{}
	var attempts []probe.Attempt
	for i := range 50 {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		to := netip.MustParseAddrPort(l.Addr().String())
		if i%2 == 0 {
			want[to] = attempt.Connected
		} else {
			want[to] = attempt.Refused
			l.Close()
		}
	}
	for port := range uint16(1000) {
		to := netip.AddrPortFrom(home, 9000+port)
		if _, there := want[to]; !there {
			s := settledOnce(t, to)
			want[to] = s
		}
	}
	for to := range want {
		attempts = append(attempts, tcp(to), tcp(to))
	}
	for r := range Run(context.Background(), slices.Values(attempts), Limits{Rate: -1, PerHost: -1, Concurrency: 100}, nil) {
		if r.Outcome.Kind != want[r.Destination] || r.Tries != 1 {
			t.Errorf("%v: %v, %d tries; want %v", r.Destination, r.Outcome, r.Tries, want[r.Destination])
		}
	}
}

func settledOnce(t *testing.T, to netip.AddrPort) attempt.Kind {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if unix.Connect(fd, sockaddr(to, false)) == nil {
		return attempt.Connected
	}
	return attempt.Refused
}

// TestRate keeps to a rate, and to the limit for a host, while others go on.
func TestRate(t *testing.T) {
	to := netip.MustParseAddr("127.0.0.1")
	attempts := func(yield func(probe.Attempt) bool) {
		for i := range 100 {
			if !yield(tcp(netip.AddrPortFrom(to, uint16(i+1)))) {
				return
			}
		}
	}
	begin, n := time.Now(), 0
	for range Run(context.Background(), attempts, Limits{Rate: 200}, nil) {
		n++
	}
	if d := time.Since(begin); n != 100 || d < 450*time.Millisecond || d > 3*time.Second {
		t.Errorf("%d attempts at 200 a second took %v", n, d)
	}
}

// TestConntrackBudget leaves others half of what was free, and goes on slowly where that is used up.
func TestConntrackBudget(t *testing.T) {
	count, limit := 1000, 3000
	c := conntrack{read: func() (int, int, bool) { return count, limit, true }}
	var told []Notice
	n := notices{tell: func(x Notice) { told = append(told, x) }}
	now, made := time.Unix(1, 0), 0
	step := func(d time.Duration) {
		for end := now.Add(d); now.Before(end); {
			if wait := c.wait(now, &n); wait > 0 {
				now = now.Add(wait)
				continue
			}
			made++
			count++
			now = now.Add(time.Microsecond)
		}
	}
	step(time.Second)
	if made < 1000 || made > 1020 || len(told) != 1 || told[0].Most != 3000 {
		t.Errorf("%d attempts with room for 1000, %v", made, told)
	}
	count, made = 1500, 0 // some have gone
	step(time.Second)
	if made < 500 || made > 520 {
		t.Errorf("%d attempts with room for 500", made)
	}
	absent := conntrack{read: func() (int, int, bool) { return 0, 0, false }}
	for range 10000 {
		if absent.wait(now, &n) != 0 {
			t.Fatal("waits for what is not there")
		}
	}
}
