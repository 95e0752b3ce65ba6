package measure

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sallyport/sallyport/probe"
)

func targetsOf(t testing.TB, texts ...string) iter.Seq[probe.Target] {
	var list []probe.Target
	for _, text := range texts {
		x, err := probe.Parse(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return slices.Values(list)
}

// TestPlanNames makes attempts while names are looked up, looks each name up once, and no more than some at a time.
func TestPlanNames(t *testing.T) {
	slow := make(chan struct{})
	var mu sync.Mutex
	count := map[string]int{}
	var at, most atomic.Int64
	var unresolved []string
	p := &Plan{
		Sources: NoBind,
		Resolve: func(ctx context.Context, name string) ([]netip.Addr, error) {
			if n := at.Add(1); n > most.Load() {
				most.Store(n)
			}
			defer at.Add(-1)
			mu.Lock()
			count[name]++
			mu.Unlock()
			if name != "quick.example" {
				select {
				case <-slow:
				case <-ctx.Done():
					return nil, ctx.Err()
				}
			}
			if name == "absent.example" {
				return nil, errors.New("no such host")
			}
			return []netip.Addr{netip.MustParseAddr("192.0.2.7"), netip.MustParseAddr("2001:db8::7")}, nil
		},
		Unresolved: func(t probe.Target, err error) { unresolved = append(unresolved, t.Text) },
	}
	texts := []string{"quick.example:80", "absent.example:1", "slow.example:1", "slow.example:2", "slow.example:1"}
	for i := range 100 {
		texts = append(texts, fmt.Sprintf("n%d.example:1", i))
	}
	texts = append(texts, "192.0.2.1:1-500", "quick.example:81", "absent.example:2")
	var got []string
	for a := range p.Attempts(context.Background(), targetsOf(t, texts...)) {
		got = append(got, a.Destination.String())
		if len(got) == 504 { // all that can be made before the slow names are there
			close(slow)
		}
	}
	if want := 504 + 2*(2+100); len(got) != want {
		t.Errorf("%d attempts, want %d", len(got), want)
	}
	slices.Sort(unresolved)
	if !slices.Equal(unresolved, []string{"absent.example:1", "absent.example:2"}) {
		t.Errorf("not resolved: %v", unresolved)
	}
	for name, n := range count {
		if n != 1 {
			t.Errorf("%s was looked up %d times", name, n)
		}
	}
	if n := most.Load(); n < 2 || n > maxLookups {
		t.Errorf("%d lookups at a time", n)
	}
}

// TestPlanTurns makes attempts at several targets in turns, each destination of a prefix, and each target once.
func TestPlanTurns(t *testing.T) {
	p := &Plan{Sources: NoBind}
	var got []string
	for a := range p.Attempts(context.Background(), targetsOf(t, "192.0.2.1:1-3", "198.51.100.5/30:22", "192.0.2.1:1-3", "[2001:db8::/127]:5", "192.0.2.1:2")) {
		got = append(got, a.Destination.String())
	}
	all := slices.Clone(got)
	slices.Sort(all)
	want := []string{
		"192.0.2.1:1", "192.0.2.1:2", "192.0.2.1:2", "192.0.2.1:3", "198.51.100.4:22", "198.51.100.5:22", "198.51.100.6:22", "198.51.100.7:22", "[2001:db8::1]:5", "[2001:db8::]:5",
	}
	if !slices.Equal(all, want) {
		t.Errorf("got %v", all)
	}
	if slices.Equal(got[:3], want[:1]) {
		t.Errorf("no turns: %v", got)
	}
}

// TestPlanStreams begins at once with what would be 65 million attempts, and ends at once where it is left, also while names are looked up.
func TestPlanStreams(t *testing.T) {
	p := &Plan{Sources: NoBind, Resolve: func(ctx context.Context, _ string) ([]netip.Addr, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	read := 0
	many := func(yield func(probe.Target) bool) {
		for i := range 1_000_000 {
			read++
			text := fmt.Sprintf("10.%d.%d.%d:1-65535", i>>16, i>>8&255, i&255)
			if i%10 == 0 {
				text = fmt.Sprintf("n%d.example:80", i)
			}
			x, err := probe.Parse(text)
			if err != nil || !yield(x) {
				return
			}
		}
	}
	begin, n := time.Now(), 0
	for range p.Attempts(context.Background(), many) {
		if n++; n == 10000 {
			break
		}
	}
	if read > 2*maxOpen {
		t.Errorf("%d targets were read", read)
	}
	if d := time.Since(begin); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}
