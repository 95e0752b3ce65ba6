package probing

import (
	"fmt"
	"io"
	"iter"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/cli/shell"
	"github.com/sallyport/sallyport/probe"
)

// Work that takes longer than patience shows how it goes, in a line that is written anew every redraw.
const (
	patience = time.Second
	redraw   = 200 * time.Millisecond
)

const eraseLine = "\r\x1b[K" // EL, ECMA-48 8.3.41

// progress is a line on the terminal that tells how far it is. What is written through it comes above the line. On anything but a terminal it shows
// nothing, and only passes on.
type progress struct {
	mu       sync.Mutex
	out      io.Writer
	terminal bool
	width    int
	begin    time.Time // of the work; zero: there is none
	drawn    bool
	note     string // in place of the tally, at once
	label    string // in place of the tally, once patience ends
	stop     chan struct{}
	ended    chan struct{} // closed when the goroutine that redraws has ended

	total, hosts int // 0: not known
	planned      int // attempts that were handed out
	counts       [3]int
	done         int
	places       map[destination]*tally // nil: they are too many
	whole        bool                   // no more attempts are planned
	rows         []string               // of destinations that have ended, and are not yet shown
	finished     int                    // hosts
	open         map[netip.Addr]int
}

// destination is what has a row of its own.
type destination struct {
	name     string
	addr     netip.Addr
	protocol attempt.Protocol
}

type tally struct {
	planned, done int
	counts        [3]int
}

// maxPlaces is how many destinations are followed one by one.
const maxPlaces = 4096

// maxRows is how many rows wait to be shown: before patience ends, nothing is.
const maxRows = 200

// newProgress is for a stream, which is a terminal that can erase a line, or not.
func newProgress(stderr io.Writer) *progress {
	p := &progress{out: stderr}
	if f, ok := stderr.(*os.File); ok && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != "" && shell.IsTerminal(f) {
		p.terminal, p.width = true, shell.Columns(f)
		p.terminal = p.width > 0 // /dev/null is a character device too
	}
	return p
}

// Write passes on what somebody says, above the line.
func (p *progress) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
	n, err := p.out.Write(b)
	if n > 0 && b[n-1] == '\n' {
		p.draw(time.Now())
	}
	return n, err
}

// start begins to show work of so many attempts at so many hosts; 0: not known. Label is what is shown in place of how many; "" for nothing.
func (p *progress) start(total, hosts int, label string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.terminal {
		return
	}
	p.label = label
	p.begin, p.total, p.hosts = time.Now(), total, hosts
	p.planned, p.done, p.counts, p.rows = 0, 0, [3]int{}, nil
	p.places, p.open, p.finished, p.whole = map[destination]*tally{}, map[netip.Addr]int{}, 0, false
	p.stop, p.ended = make(chan struct{}), make(chan struct{})
	go p.run(p.stop, p.ended) // end ends it
}

func (p *progress) run(stop, ended chan struct{}) {
	defer close(ended)
	t := time.NewTicker(redraw)
	defer t.Stop()
	for {
		select {
		case <-stop:
			return
		case now := <-t.C:
			p.mu.Lock()
			p.draw(now)
			p.mu.Unlock()
		}
	}
}

// end erases the line, and stops.
func (p *progress) end() {
	p.mu.Lock()
	stop, ended := p.stop, p.ended
	p.stop, p.begin, p.note = nil, time.Time{}, ""
	p.erase()
	p.mu.Unlock()
	if stop != nil {
		close(stop)
		<-ended
	}
}

// say shows a text in place of a tally, until the next one or the end.
func (p *progress) say(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.terminal {
		p.erase()
		p.note = text
		p.draw(time.Now())
	}
}

// clear erases the line for something that is written elsewhere on the same terminal.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.erase()
}

func (p *progress) erase() {
	if p.drawn {
		p.drawn = false
		_, _ = io.WriteString(p.out, eraseLine)
	}
}

func (p *progress) draw(now time.Time) {
	text := p.note
	switch {
	case !p.terminal:
		return
	case text != "":
	case p.begin.IsZero() || now.Sub(p.begin) < patience:
		return
	case p.label != "":
		text = p.label
	default:
		text = p.line(now)
		if len(p.places)+p.finished > 1 {
			p.flush()
		}
	}
	if n := p.width - 1; utf8.RuneCountInString(text) > n { // the last column may wrap
		text = string([]rune(text)[:n-3]) + "..."
	}
	_, _ = io.WriteString(p.out, eraseLine+text)
	p.drawn = true
}

// flush writes the rows of destinations that have ended.
func (p *progress) flush() {
	if len(p.rows) == 0 {
		return
	}
	p.erase()
	_, _ = io.WriteString(p.out, strings.Join(p.rows, "\n")+"\n")
	p.rows = nil
}

// line is how far it is: "1,204 of 22,000 attempts, 98/s; 300 allowed, 800 denied; 12 hosts and 3 min left".
func (p *progress) line(now time.Time) string {
	took := now.Sub(p.begin)
	rate := float64(p.done) / took.Seconds()
	text := thousands(p.done)
	if p.total > 0 {
		text += " of " + thousands(p.total)
	}
	text += " attempts, " + strconv.FormatFloat(rate, 'f', 0, 64) + "/s" + countsText("; ", p.counts)
	var left []string
	if n := p.hosts - p.finished; p.hosts > 1 && n > 0 {
		left = append(left, thousands(n)+" hosts")
	}
	if p.total > p.done && p.done > 0 {
		rest := time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
		left = append(left, attempt.DurationText(max(rest, time.Second).Round(time.Second)))
	}
	if len(left) > 0 {
		text += "; " + strings.Join(left, ", ") + " left"
	}
	return text
}

func countsText(before string, counts [3]int) string {
	var words []string
	for _, v := range []probe.Verdict{probe.Allowed, probe.Denied, probe.Inconclusive} {
		if n := counts[v]; n > 0 {
			words = append(words, thousands(n)+" "+v.String())
		}
	}
	if len(words) == 0 {
		return ""
	}
	return before + strings.Join(words, ", ")
}

// thousands is a number as people read it: 65,535.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// watching counts attempts as they are handed out.
func (p *progress) watching(attempts iter.Seq[probe.Attempt]) iter.Seq[probe.Attempt] {
	if !p.terminal {
		return attempts
	}
	return func(yield func(probe.Attempt) bool) {
		for a := range attempts {
			p.plan(&a)
			if !yield(a) {
				return
			}
		}
		p.mu.Lock()
		p.total, p.whole = p.planned, true
		for d, t := range p.places { // targets are tried in turns: none has ended before all are planned
			p.finish(d, t)
		}
		p.mu.Unlock()
	}
}

func destinationOf(a *probe.Attempt) destination {
	return destination{a.Name, a.Destination.Addr(), a.Protocol}
}

func (p *progress) plan(a *probe.Attempt) {
	d := destinationOf(a)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.planned++
	if p.places == nil {
		return
	}
	t := p.places[d]
	if t == nil {
		if len(p.places) >= maxPlaces {
			p.places, p.open, p.hosts = nil, nil, 0
			return
		}
		t = &tally{}
		p.places[d] = t
		p.open[d.addr]++
	}
	t.planned++
}

// result counts what came of an attempt.
func (p *progress) result(r *probe.Result) {
	if !p.terminal {
		return
	}
	d := destinationOf(&r.Attempt)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done++
	p.counts[r.Verdict]++
	if t := p.places[d]; t != nil {
		t.done++
		t.counts[r.Verdict]++
		p.finish(d, t)
	}
}

// finish makes a row of a destination of which all attempts have ended.
func (p *progress) finish(d destination, t *tally) {
	if !p.whole || t.done < t.planned {
		return
	}
	delete(p.places, d)
	if p.open[d.addr]--; p.open[d.addr] <= 0 {
		delete(p.open, d.addr)
		p.finished++
	}
	name := d.addr.String()
	if d.name != "" {
		name = d.name + " (" + name + ")"
	}
	if p.rows = append(p.rows, fmt.Sprintf("  %s %v: %s", name, d.protocol, countsText("", t.counts))); len(p.rows) > maxRows {
		p.rows = p.rows[1:]
	}
}
