package report

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/watch"
)

func TestWatchText(t *testing.T) {
	noon := time.Date(2026, 11, 25, 12, 0, 0, 0, time.Local)
	up := watch.State{Verdict: probe.Allowed, Stage: probe.StageDone, Outcome: attempt.Outcome{Kind: attempt.Connected}, Service: "postgres"}
	faulty := up
	faulty.Service, faulty.Version, faulty.Faults = "https", "HTTP/1.1 200", "issued by Office CA, which this host does not trust"
	silent := watch.State{Verdict: probe.Denied, Stage: probe.StageConnect, Outcome: attempt.Outcome{Kind: attempt.TimedOut}, Layer: probe.OnTheWay}
	hangs := watch.State{Verdict: probe.Inconclusive, Stage: probe.StageHandshake, Outcome: attempt.Outcome{Kind: attempt.TimedOut}}
	eacces := watch.State{Verdict: probe.Denied, Stage: probe.StageBind, Outcome: attempt.Outcome{Kind: attempt.Denied, Errno: attempt.EACCES}, Layer: probe.LocalCall}
	addr := netip.MustParseAddr("192.0.2.7")
	cell := func(port uint16, source string) watch.Cell {
		return watch.Cell{Target: "db.example:5432", Name: "db.example", Addr: addr, Protocol: attempt.TCP, Port: port, Source: source}
	}
	event := func(kind watch.Kind, c watch.Cell, before, after watch.State, after0 time.Duration) watch.Event {
		return watch.Event{Kind: kind, At: noon.Add(after0), Cell: c, Before: before, After: after, Held: 90 * time.Second, Changes: 3, Within: time.Minute}
	}
	name := watch.Cell{Name: "db.example"}
	events := []watch.Event{
		event(watch.Began, cell(5432, "no bind"), watch.State{}, up, 0),
		event(watch.Changed, cell(5432, "no bind"), up, silent, 0),
		event(watch.Changed, cell(5432, "any address"), up, eacces, 0),
		event(watch.Changed, name, watch.State{Addrs: "192.0.2.7"}, watch.State{Addrs: "192.0.2.7, 192.0.2.8"}, 0),
		event(watch.Changed, name, watch.State{Addrs: "192.0.2.7"}, watch.State{Stage: probe.StageResolve, Error: "no such host"}, 0),
		event(watch.Changed, cell(443, "no bind"), up, faulty, 13*time.Hour),
		event(watch.Changed, cell(80, "no bind"), up, hangs, 0),
		event(watch.Flaps, cell(22, "no bind"), up, silent, 0),
		event(watch.Settled, cell(22, "no bind"), watch.State{}, up, 0),
	}
	for _, port := range []uint16{1, 2, 3} {
		for _, s := range []string{"no bind", "any address", "192.0.2.1", "device eth0"} {
			events = append(events, event(watch.Changed, cell(port, s), up, silent, time.Second))
		}
	}
	var b bytes.Buffer
	if err := WatchText(&b, events, noon, TextOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := WatchEndText(&b, &WatchEnd{
		At: noon.Add(time.Hour), Begin: noon, Rounds: 120, Missed: 1, Attempts: 1200, Retries: 5, Noise: 4, Changes: 2, Held: []watch.Held{
			{Cell: cell(5432, "no bind"), State: up, Changes: 2, Spans: []watch.Span{{State: up, Held: 59 * time.Minute, Times: 2}, {State: silent, Held: time.Minute, Times: 1}}},
			{Cell: cell(22, "no bind"), State: up, Changes: 40, Flapping: true, Spans: []watch.Span{{State: up, Held: 40 * time.Minute, Times: 20}}, Other: 20 * time.Minute},
			{Cell: cell(443, "no bind"), State: up},
			{Cell: cell(444, "no bind"), State: up},
			{Cell: cell(1, "any address"), State: eacces},
			{Cell: name, State: watch.State{Addrs: "192.0.2.7"}},
		},
	}, TextOptions{Width: 100}); err != nil {
		t.Fatal(err)
	}
	golden(t, "watch.txt", b.Bytes())
}
