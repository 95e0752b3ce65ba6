package watch

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
)

var start = time.Date(2026, 11, 25, 12, 0, 0, 0, time.UTC)

// film makes rounds of one attempt, whose outcomes are the letters of a word: c connected, r refused, s silence in both tries, n silence in the first
// and connected in the second. It returns what was told, by round.
type film struct {
	w     Watch
	at    time.Time
	tries int
}

func (f *film) result(kind attempt.Kind) *probe.Result {
	r := &probe.Result{Stage: probe.StageConnect, Outcome: attempt.Outcome{Kind: kind}, Begin: f.at, Tries: 1, Attempt: probe.Attempt{
		Attempt: attempt.Attempt{Protocol: attempt.TCP, Destination: netip.MustParseAddrPort("192.0.2.1:80")}, Variant: "no bind",
	}}
	if kind == attempt.Connected {
		r.Stage = probe.StageDone
	}
	r.Judge()
	return r
}

func (f *film) show(scenes string) string {
	var told []string
	say := func(e *Event) {
		if e == nil || e.Kind == Began {
			return
		}
		text := fmt.Sprintf("%d %v %v>%v", e.Round, e.Kind, e.Before.Outcome, e.After.Outcome)
		switch e.Kind {
		case Changed:
			text += fmt.Sprint(" after ", e.Held)
		case Flaps:
			text += fmt.Sprintf(" %d in %v", e.Changes, e.Within)
		case Settled:
			text = fmt.Sprintf("%d %v %v for %v, %d in %v", e.Round, e.Kind, e.After.Outcome, e.Held, e.Changes, e.Within)
		}
		told = append(told, text)
	}
	for _, scene := range scenes {
		if f.at.IsZero() {
			f.at = start
		}
		f.w.BeginRound(f.at)
		first, second := attempt.Connected, attempt.Connected
		switch scene {
		case 'r':
			first = attempt.Refused
		case 's':
			first, second = attempt.TimedOut, attempt.TimedOut
		case 'n':
			first = attempt.TimedOut
		}
		e, again := f.w.Add(f.result(first), false)
		if again {
			f.tries++
			e, _ = f.w.Add(f.result(second), true)
		}
		say(e)
		settled, _ := f.w.EndRound(f.at)
		for i := range settled {
			say(&settled[i])
		}
		f.at = f.at.Add(time.Second)
	}
	return strings.Join(told, "\n")
}

func TestWatch(t *testing.T) {
	for _, c := range []struct{ name, scenes, want string }{
		{"nothing changes", "cccc", ""},
		{"it stops", "cccr", "4 change connected>refused after 3s"},
		{"and comes back", "crrrrrrrrrrc", "2 change connected>refused after 1s\n12 change refused>connected after 10s"},
		{"silence that holds", "ccss", "3 change connected>timed out after 2s"},
		{"silence that is noise", "ccnncnc", ""},
		{"silence at first that is noise", "nccc", ""},
		{"it flaps", "crcrcrcrc", "2 change connected>refused after 1s\n3 change refused>connected after 1s\n4 flapping connected>refused 3 in 2s"},
		{
			"it flaps and settles", "crcrcrccccccccccccr",
			"2 change connected>refused after 1s\n3 change refused>connected after 1s\n4 flapping connected>refused 3 in 2s\n17 settled connected for 10s, 6 in 5s\n19 change connected>refused after 12s",
		},
		{"three changes far apart", "crrrrrrrrrcccccccccr", "2 change connected>refused after 1s\n11 change refused>connected after 9s\n20 change connected>refused after 9s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := film{}
			if got := f.show(c.scenes); got != c.want {
				t.Errorf("%s:\n%s\nwant\n%s", c.scenes, got, c.want)
			}
		})
	}
}

func TestSummary(t *testing.T) {
	f := film{}
	f.show("ccccnrrcc")
	if f.w.Changes != 2 || f.w.Noise != 1 || f.w.Retries != 1 || f.w.Attempts != 9 {
		t.Errorf("%d changes, %d noise, %d retries, %d attempts", f.w.Changes, f.w.Noise, f.w.Retries, f.w.Attempts)
	}
	held := f.w.Summary(start.Add(9 * time.Second))
	if len(held) != 1 || held[0].Changes != 2 || len(held[0].Spans) != 2 {
		t.Fatalf("%+v", held)
	}
	if s := held[0].Spans; s[0].Held != 7*time.Second || s[0].Times != 2 || s[1].Held != 2*time.Second || s[1].State.Outcome.Kind != attempt.Refused {
		t.Errorf("%+v", s)
	}
}

func TestAddresses(t *testing.T) {
	var w Watch
	addrs := func(text string) []netip.Addr {
		var list []netip.Addr
		for f := range strings.FieldsSeq(text) {
			list = append(list, netip.MustParseAddr(f))
		}
		return list
	}
	to := func(addr string) *probe.Result {
		f := film{at: start}
		r := f.result(attempt.Connected)
		r.Name, r.Destination = "db.example", netip.AddrPortFrom(netip.MustParseAddr(addr), 80)
		return r
	}
	round := func(list string, err error) (*Event, []Cell) {
		w.BeginRound(start)
		e := w.Resolved("db.example", addrs(list), err, start)
		for _, a := range addrs(list) {
			w.Add(to(a.String()), false)
		}
		_, gone := w.EndRound(start)
		return e, gone
	}
	round("192.0.2.2 192.0.2.1", nil)
	if e, _ := round("192.0.2.1 192.0.2.2", nil); e != nil {
		t.Errorf("another order is a change: %+v", e)
	}
	if e, _ := round("192.0.2.1 192.0.2.3", nil); e == nil || e.Kind != Changed || e.Before.Addrs != "192.0.2.1, 192.0.2.2" || e.After.Addrs != "192.0.2.1, 192.0.2.3" {
		t.Errorf("%+v", e)
	}
	if e, _ := round("", errors.New("no such host")); e == nil || e.After.Error != "no such host" {
		t.Errorf("%+v", e)
	}
	for range 2 * unseenRounds { // while the name is not resolved nothing is forgotten
		if _, gone := round("", errors.New("no such host")); len(gone) > 0 {
			t.Fatalf("forgot %v", gone)
		}
	}
	for w.Len() > 3 && w.Round < 100 {
		round("192.0.2.1 192.0.2.3", nil)
	}
	if _, there := w.Now(CellOf(&to("192.0.2.2").Attempt)); there || w.Len() != 3 {
		t.Errorf("%d are watched", w.Len())
	}
}

// TestBare has a server's program not be asked in some rounds.
func TestBare(t *testing.T) {
	f := film{at: start}
	whole, bare := f.result(attempt.Connected), f.result(attempt.Connected)
	whole.Answer, bare.Bare = &probe.Answer{Service: "ssh", Version: "9.2"}, true
	broken := f.result(attempt.TimedOut)
	broken.Stage = probe.StageHandshake
	broken.Judge()
	down := f.result(attempt.Refused)
	down.Bare = true
	kinds := ""
	for _, r := range []*probe.Result{whole, bare, whole, broken, bare, bare, whole, down, bare, whole, bare} {
		f.w.BeginRound(start)
		e, again := f.w.Add(r, false)
		if again {
			e, _ = f.w.Add(r, true)
		}
		if e != nil {
			kinds += fmt.Sprintf("%d %v; ", e.Round, e.Kind)
		}
	}
	if want := "1 state; 4 change; 7 change; 8 flapping; "; kinds != want {
		t.Errorf("%q, want %q", kinds, want)
	}
	if now, _ := f.w.Now(CellOf(&bare.Attempt)); now.State.Service != "ssh" {
		t.Errorf("%+v", now)
	}
}

func TestManners(t *testing.T) {
	var w Watch
	var m Manners
	w.BeginRound(start)
	target, err := probe.Parse("mysql://192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	ssh, _ := probe.Parse("192.0.2.1:22")
	http, _ := probe.Parse("http://192.0.2.1")
	ask := func(x *probe.Target, variant string, at time.Time) (bare bool, told bool) {
		a := probe.Attempt{Target: x, Variant: variant, Attempt: attempt.Attempt{
			Protocol: attempt.TCP, Destination: netip.AddrPortFrom(x.Addr, x.Ports[0].First),
		}}
		words := m.Attempt(&a, &w, at)
		return a.Bare, words != nil
	}
	if bare, told := ask(&target, "no bind", start); bare || !told {
		t.Errorf("the first time: bare %v, told %v", bare, told)
	}
	for i := range 1000 {
		if bare, told := ask(&target, "no bind", start.Add(time.Duration(i)*time.Hour)); !bare || told {
			t.Fatalf("time %d: bare %v, told %v", i, bare, told)
		}
	}
	if bare, _ := ask(&target, "any address", start); !bare {
		t.Error("asked once for each source")
	}
	asked := 0
	for i := range 3600 {
		if bare, _ := ask(&ssh, "no bind", start.Add(time.Duration(i)*time.Second)); !bare {
			asked++
		}
	}
	if asked != 60 {
		t.Errorf("ssh was asked %d times within an hour", asked)
	}
	if bare, told := ask(&http, "any address", start); bare || told {
		t.Error("http is not to be spared")
	}
}

func TestClock(t *testing.T) {
	c := Clock{Begin: start, Interval: 30 * time.Second}
	for _, x := range []struct{ now, want, missed int }{{1, 30, 0}, {30, 60, 0}, {60, 90, 0}, {91, 120, 0}, {121, 150, 0}, {215, 240, 2}, {240, 270, 0}, {300, 300, 0}} {
		at, missed := c.Next(start.Add(time.Duration(x.now) * time.Second))
		if at.Sub(start) != time.Duration(x.want)*time.Second || missed != x.missed {
			t.Errorf("at %d s: %v, %d missed; want %d s, %d", x.now, at.Sub(start), missed, x.want, x.missed)
		}
	}
}

// TestConstantMemory changes all of a hundred cells in each of four thousand rounds.
func TestConstantMemory(t *testing.T) {
	f := film{at: start}
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	var early uint64
	for round := range 4_000 {
		f.w.BeginRound(f.at)
		for port := range uint16(100) {
			r := f.result([]attempt.Kind{attempt.Connected, attempt.Refused, attempt.Unreachable}[(round+int(port))%3])
			r.Destination = netip.AddrPortFrom(r.Destination.Addr(), port+1)
			r.Answer = &probe.Answer{Service: "http", Version: fmt.Sprint("HTTP/1.1 ", round)}
			f.w.Add(r, false)
		}
		f.w.EndRound(f.at)
		f.at = f.at.Add(time.Second)
		if round == 100 {
			early = heap()
		}
	}
	if late := heap(); late > early+256<<10 {
		t.Errorf("%d bytes after 100 rounds, %d after 4,000", early, late)
	}
	if f.w.Changes < 390_000 {
		t.Errorf("only %d changes", f.w.Changes)
	}
}
