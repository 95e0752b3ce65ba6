package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/watch"
)

// The shapes of docs/watch.schema.json: one object a line.
type (
	watchBegin struct {
		Type     string    `json:"type"`
		Version  int       `json:"version"`
		Time     time.Time `json:"time"`
		Host     string    `json:"host"`
		Interval float64   `json:"interval_seconds"`
		Targets  []string  `json:"targets"`
	}
	watchCell struct {
		Target   string `json:"target"`
		Name     string `json:"name"`
		Address  string `json:"address"`
		Protocol string `json:"protocol"`
		Port     uint16 `json:"port"`
		Source   string `json:"source"`
	}
	watchState struct {
		Verdict   string   `json:"verdict"`
		Stage     string   `json:"stage"`
		Outcome   string   `json:"outcome"`
		Errno     string   `json:"errno"`
		Layer     string   `json:"layer"`
		Service   string   `json:"service"`
		Version   string   `json:"version"`
		Faults    string   `json:"certificate_faults"`
		Addresses []string `json:"addresses"`
		Error     string   `json:"error"`
	}
	watchEvent struct {
		Type  string    `json:"type"`
		Time  time.Time `json:"time"`
		Round int       `json:"round"`
		watchCell
		Before  *watchState `json:"before"`
		After   watchState  `json:"after"`
		Held    float64     `json:"held_seconds"`
		Changes int         `json:"changes"`
		Within  float64     `json:"within_seconds"`
	}
	watchRound struct {
		Type     string    `json:"type"`
		Time     time.Time `json:"time"`
		Round    int       `json:"round"`
		Seconds  float64   `json:"seconds"`
		Attempts uint64    `json:"attempts"`
		Watched  int       `json:"watched"`
		Missed   int       `json:"missed"`
	}
	watchSpan struct {
		State   watchState `json:"state"`
		Seconds float64    `json:"seconds"`
		Times   int        `json:"times"`
	}
	watchHeld struct {
		watchCell
		State    watchState  `json:"state"`
		Since    time.Time   `json:"since"`
		Changes  int         `json:"changes"`
		Flapping bool        `json:"flapping"`
		Spans    []watchSpan `json:"spans"`
		Other    float64     `json:"other_seconds"`
	}
	watchSummary struct {
		Type     string      `json:"type"`
		Time     time.Time   `json:"time"`
		Begin    time.Time   `json:"begin"`
		Rounds   int         `json:"rounds"`
		Missed   int         `json:"missed"`
		Attempts uint64      `json:"attempts"`
		Retries  uint64      `json:"retries"`
		Noise    uint64      `json:"noise"`
		Changes  uint64      `json:"changes"`
		Held     []watchHeld `json:"held"`
	}
)

// WatchRound is one round that ended.
type WatchRound struct {
	Begin, End time.Time
	Round      int
	Attempts   uint64 // of this round
	Watched    int    // things that are watched
	Missed     int    // times to begin that have passed while it was under way
}

// WatchBeginJSON writes what is to be watched.
func WatchBeginJSON(w io.Writer, at time.Time, host string, interval time.Duration, targets []probe.Target) error {
	list := make([]string, len(targets))
	for i := range targets {
		list[i] = targets[i].Text
	}
	return jsonLine(w, watchBegin{"begin", 1, at.UTC(), host, interval.Seconds(), list})
}

// WatchJSON writes events, one object a line.
func WatchJSON(w io.Writer, events []watch.Event) error {
	for i := range events {
		e := &events[i]
		x := watchEvent{
			Type: e.Kind.String(), Time: e.At.UTC(), Round: e.Round, watchCell: cellOf(&e.Cell), After: stateOf(&e.After),
			Held: e.Held.Seconds(), Changes: e.Changes, Within: e.Within.Seconds(),
		}
		if e.Kind == watch.Changed || e.Kind == watch.Flaps {
			before := stateOf(&e.Before)
			x.Before = &before
		}
		if err := jsonLine(w, x); err != nil {
			return err
		}
	}
	return nil
}

// WatchRoundJSON writes that a round ended.
func WatchRoundJSON(w io.Writer, r *WatchRound) error {
	return jsonLine(w, watchRound{"round", r.Begin.UTC(), r.Round, r.End.Sub(r.Begin).Seconds(), r.Attempts, r.Watched, r.Missed})
}

// WatchEndJSON writes how long each state held.
func WatchEndJSON(w io.Writer, end *WatchEnd) error {
	x := watchSummary{"summary", end.At.UTC(), end.Begin.UTC(), end.Rounds, end.Missed, end.Attempts, end.Retries, end.Noise, end.Changes, []watchHeld{}}
	for i := range end.Held {
		h := &end.Held[i]
		y := watchHeld{cellOf(&h.Cell), stateOf(&h.State), h.Since.UTC(), h.Changes, h.Flapping, []watchSpan{}, h.Other.Seconds()}
		for _, s := range h.Spans {
			y.Spans = append(y.Spans, watchSpan{stateOf(&s.State), s.Held.Seconds(), s.Times})
		}
		x.Held = append(x.Held, y)
	}
	return jsonLine(w, x)
}

func cellOf(c *watch.Cell) watchCell {
	x := watchCell{Target: c.Target, Name: c.Name, Port: c.Port, Source: c.Source}
	if !c.Lookup() {
		x.Address, x.Protocol = c.Addr.String(), c.Protocol.String()
	}
	return x
}

func stateOf(s *watch.State) watchState {
	x := watchState{
		Verdict: s.Verdict.String(), Stage: s.Stage.String(), Outcome: s.Outcome.Kind.String(), Layer: s.Layer.String(),
		Service: s.Service, Version: s.Version, Faults: s.Faults, Addresses: s.Addresses(), Error: s.Error,
	}
	if s.Outcome.Errno != 0 {
		x.Errno = s.Outcome.Errno.Name()
	}
	return x
}

func jsonLine(w io.Writer, x any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	return e.Encode(x)
}
