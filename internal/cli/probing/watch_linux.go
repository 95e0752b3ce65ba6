package probing

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"github.com/sallyport/sallyport/internal/cli/shell"
	"github.com/sallyport/sallyport/probe"
	"github.com/sallyport/sallyport/probe/measure"
	"github.com/sallyport/sallyport/probe/metrics"
	"github.com/sallyport/sallyport/probe/watch"
	"github.com/sallyport/sallyport/report"
)

// watchFlags are the flags of probe --watch.
type watchFlags struct {
	every, lasting time.Duration
	rounds         int
	metrics        string
	set            map[string]bool // the flags that were given
}

func (f *watchFlags) register(fs *flag.FlagSet) {
	fs.DurationVar(&f.every, "watch", 0, "do it again every `INTERVAL` (30s), and show what changes")
	fs.IntVar(&f.rounds, "count", 0, "with --watch: end after so many rounds")
	fs.DurationVar(&f.lasting, "for", 0, "with --watch: end after so long")
	fs.StringVar(&f.metrics, "metrics", "", "with --watch: serve metrics for Prometheus at `ADDRESS:PORT`; a port alone is on 127.0.0.1")
}

func (f *watchFlags) parsed(fs *flag.FlagSet) {
	f.set = map[string]bool{}
	fs.Visit(func(x *flag.Flag) { f.set[x.Name] = true })
}

// gentle is the shortest interval that needs no --rate.
const gentle = 5 * time.Second

func (f *watchFlags) check(p *probeFlags) (err error) {
	if !f.set["watch"] {
		for _, name := range []string{"count", "for", "metrics"} {
			if f.set[name] {
				err = errors.Join(err, fmt.Errorf("--%s is for --watch INTERVAL", name))
			}
		}
		return err
	}
	switch {
	case f.every <= 0:
		err = errors.New("--watch wants a time above 0, such as 30s")
	case f.every < gentle && !f.set["rate"]:
		err = fmt.Errorf("--watch %v: rounds less than %v apart want --rate too: how many attempts a second the destinations may get", f.every, gentle)
	}
	if f.rounds < 0 || f.lasting < 0 || f.set["count"] && f.rounds == 0 || f.set["for"] && f.lasting == 0 {
		err = errors.Join(err, errors.New("--count wants a number from 1, --for a time above 0"))
	}
	if p.output != "text" && p.output != "json" {
		err = errors.Join(err, fmt.Errorf("--output %s is written at the end, which a watch has not: want --output text or json", p.output))
	}
	for name, value := range map[string]string{"compare": p.compare, "expect": p.expect} {
		if value != "" {
			err = errors.Join(err, fmt.Errorf("--%s is for a single round: leave out --watch", name))
		}
	}
	if f.metrics != "" {
		if _, bad := metrics.Listen(f.metrics); bad != nil {
			err = errors.Join(err, fmt.Errorf("--metrics: %w", bad))
		}
	}
	return err
}

// watcher makes rounds, and tells what changes. The plan is read, and names are resolved, by the goroutines that make attempts.
type watcher struct {
	*prober
	o       report.TextOptions
	targets []probe.Target
	host    string

	mu      sync.Mutex // guards what follows
	w       watch.Watch
	manners watch.Manners
	names   map[string]lookup // of this round
	events  []watch.Event     // to be told
	since   time.Time         // when the first of them happened
	sink    *metrics.Set      // nil: nothing is exported
	failed  error             // of writing

	missed int
	slow   bool // it was told that a round takes longer than the interval
}

type lookup struct {
	addrs []netip.Addr
	err   error
}

// watch makes round after round until it is told to end.
func (p *prober) watch(ctx context.Context, stop func()) int {
	defer context.AfterFunc(ctx, stop)() // the next interrupt ends the program at once
	all, end, err := p.all(ctx)
	if err != nil {
		shell.Problem(p.stderr, "%v", err)
		return shell.Usage
	}
	w := &watcher{prober: p, targets: slices.Collect(withCompanions(all))}
	end()
	if err := w.bounded(); err != nil {
		shell.Problem(p.stderr, "%v", err)
		return shell.Usage
	}
	w.host, _ = os.Hostname()
	w.o = report.TextOptions{Color: shell.Colour(p.stdout), Width: shell.Columns(p.stdout)}
	p.plan.Resolve, p.plan.Unresolved = w.resolve, nil
	if w.sink, err = w.exporters(ctx); err != nil {
		shell.Problem(p.stderr, "%v", err)
		return shell.Failed
	}
	if p.lasting > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, p.lasting)
		defer cancel()
	}
	w.rounds(ctx)
	p.progress.end()
	w.finish()
	if err := w.sink.Close(); err != nil {
		shell.Problem(p.stderr, "%v", err)
	}
	switch {
	case w.failed != nil:
		shell.Problem(p.stderr, "write the result: %v", w.failed)
		return shell.Failed
	case w.w.Changes > 0, p.bad.Load():
		return shell.Found
	}
	return shell.OK
}

// maxWatched is how much is watched at most: each attempt of a round takes half a kilobyte as long as the watch lasts.
const maxWatched = 200_000

func (w *watcher) bounded() error {
	if len(w.targets) == 0 {
		return errors.New("--watch has no targets: want HOST:PORT, or a URL such as smtp://HOST")
	}
	n := 0
	for i := range w.targets {
		for _, r := range w.targets[i].Ports {
			n += r.Len()
		}
	}
	if attempts, _, known := w.plan.Count(w.targets); known {
		n = attempts
	}
	if n > maxWatched {
		return fmt.Errorf("--watch would make %s attempts in each round: want at most %s", thousands(n), thousands(maxWatched))
	}
	return nil
}

func (w *watcher) rounds(ctx context.Context) {
	var first *probe.Matrix
	if w.output == "text" {
		first = w.first(ctx)
	}
	clock := watch.Clock{Begin: time.Now(), Interval: w.every}
	if w.output == "json" {
		w.wrote(report.WatchBeginJSON(w.stdout, clock.Begin, w.host, w.every, w.targets))
	}
	for n := 1; ; n++ {
		if ctx.Err() != nil {
			return
		}
		r := w.round(ctx, n, first)
		first = nil
		if ctx.Err() != nil || w.failed != nil || w.watchFlags.rounds > 0 && n >= w.watchFlags.rounds {
			return
		}
		next, missed := clock.Next(time.Now())
		w.ended(r, missed)
		w.progress.say(fmt.Sprintf("round %d: %d watched, %s; the next at %s", n, w.w.Len(), changesText(w.w.Changes), next.Format(time.TimeOnly)))
		wait := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

func changesText(n uint64) string {
	switch n {
	case 0:
		return "no change so far"
	case 1:
		return "1 change so far"
	}
	return fmt.Sprintf("%d changes so far", n)
}

// round makes each attempt once, and those again that one try does not settle.
func (w *watcher) round(ctx context.Context, n int, first *probe.Matrix) *report.WatchRound {
	r := &report.WatchRound{Begin: time.Now(), Round: n}
	w.w.BeginRound(r.Begin)
	w.names = map[string]lookup{}
	before := w.w.Attempts
	var again []probe.Attempt
	attempts := w.spare(w.plan.Attempts(ctx, slices.Values(w.targets)))
	if n == 1 {
		total, hosts := w.count()
		w.progress.start(total, hosts, "")
		attempts = w.progress.watching(attempts)
	}
	for x := range measure.Run(ctx, attempts, w.limits, w.meet) {
		if n == 1 {
			w.progress.result(&x)
		}
		if w.add(ctx, &x, false, first) {
			again = append(again, x.Attempt)
		}
	}
	for x := range measure.Run(ctx, slices.Values(again), w.limits, w.meet) {
		w.add(ctx, &x, true, first)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	r.End = time.Now()
	settled, gone := w.w.EndRound(r.End)
	w.events = append(w.events, settled...)
	for i := range gone {
		w.sink.Gone(gone[i])
	}
	if n == 1 {
		w.progress.end()
	}
	w.flush()
	w.progress.clear()
	if first != nil {
		w.found.Observed.Matrix = first
		w.wrote(report.ProbeText(w.stdout, &w.found, w.o))
		if ctx.Err() == nil {
			w.wrote(report.WatchHeadText(w.stdout, w.every, w.o))
		}
	}
	r.Attempts, r.Watched = w.w.Attempts-before, w.w.Len()
	return r
}

// first shows what needs no network, and is where the results of the first round are shown.
func (w *watcher) first(ctx context.Context) *probe.Matrix {
	w.progress.start(0, 0, localLabel)
	w.found.Observed = &probe.Observed{Name: w.host, Place: w.plan.Place, Local: measure.Local(ctx, w.plan.Place)}
	w.progress.end()
	w.wrote(report.ProbeLocal(w.stdout, w.found.Observed.Local, w.everySource, w.o))
	return &probe.Matrix{}
}

// ended tells that a round has ended, and once that it takes too long.
func (w *watcher) ended(r *report.WatchRound, missed int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	r.Missed = missed
	w.missed += missed
	w.sink.Round(metrics.Round{Begin: r.Begin, End: r.End, Missed: missed, Watched: r.Watched})
	if w.output == "json" {
		w.wrote(report.WatchRoundJSON(w.stdout, r))
	}
	if took := r.End.Sub(r.Begin); !w.slow && took > w.every+w.every/10 && (r.Round > 1 || took > 2*w.every) { // the first tries silence twice
		w.slow = true
		shell.Problem(w.stderr, "a round took %s, longer than --watch %v: the next begins at the next time that is due, and the summary tells how many were left out",
			attempt.DurationText(took), w.every)
	}
}

// add takes a result in. It reports whether the attempt is to be made again.
func (w *watcher) add(ctx context.Context, x *probe.Result, second bool, first *probe.Matrix) bool {
	if ctx.Err() != nil && (x.Outcome.Kind == attempt.InProgress || x.Outcome.Kind == attempt.Cancelled) {
		return false // it was given up
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sink.Attempt(x)
	changes := w.w.Changes
	event, again := w.w.Add(x, second)
	if again && ctx.Err() == nil {
		return true
	}
	if w.w.Changes > changes {
		w.sink.Change(watch.CellOf(&x.Attempt))
	}
	if first != nil {
		first.Add(x)
	}
	id := watch.CellOf(&x.Attempt)
	w.tell(event)
	if now, there := w.w.Now(id); there {
		w.sink.State(id, now)
	}
	return false
}

// flushAfter is how long a change may wait for others that are told with it.
const flushAfter = 500 * time.Millisecond

func (w *watcher) tell(e *watch.Event) {
	if e != nil {
		if len(w.events) == 0 {
			w.since = time.Now()
		}
		w.events = append(w.events, *e)
	}
	if len(w.events) > 0 && time.Since(w.since) > flushAfter {
		w.flush()
	}
}

// flush writes what there is to tell.
func (w *watcher) flush() {
	if len(w.events) == 0 {
		return
	}
	w.progress.clear()
	slices.SortStableFunc(w.events, func(a, b watch.Event) int { return a.At.Compare(b.At) })
	if w.output == "json" {
		w.wrote(report.WatchJSON(w.stdout, w.events))
	} else {
		w.wrote(report.WatchText(w.stdout, w.events, w.w.Begin, w.o))
	}
	w.events = w.events[:0]
	if cap(w.events) > 1024 { // the first round's
		w.events = nil
	}
}

func (w *watcher) wrote(err error) {
	if w.failed == nil {
		w.failed = err
	}
}

// spare makes attempts bare where their servers should not be asked again.
func (w *watcher) spare(attempts iter.Seq[probe.Attempt]) iter.Seq[probe.Attempt] {
	return func(yield func(probe.Attempt) bool) {
		for a := range attempts {
			w.mu.Lock()
			manner := w.manners.Attempt(&a, &w.w, time.Now())
			w.mu.Unlock()
			if manner != nil {
				shell.Problem(w.stderr, "%s", report.MannerWords(manner))
			}
			if !yield(a) {
				return
			}
		}
	}
}

// exporters begins what was asked for: a server for Prometheus by a flag, OTLP by the environment.
func (w *watcher) exporters(ctx context.Context) (*metrics.Set, error) {
	endpoint, err := metrics.OTLPEndpoint()
	if err != nil || endpoint == "" && w.metrics == "" {
		return nil, err
	}
	tell := func(words string) { shell.Problem(w.stderr, "%s", words) }
	s := metrics.NewSet(tell)
	if w.metrics != "" {
		url, err := s.Serve(w.metrics)
		if err != nil {
			return nil, err
		}
		tell("metrics are at " + url)
	}
	if endpoint != "" {
		if err := s.Send(context.WithoutCancel(ctx), tell); err != nil {
			return nil, errors.Join(err, s.Close())
		}
		tell("metrics are sent to " + endpoint + ", as the environment asks (OTLP)")
	}
	return s, nil
}

// lookupTimeout is for all that a resolver does for one name.
const lookupTimeout = 10 * time.Second

// resolve looks a name up, once a round.
func (w *watcher) resolve(ctx context.Context, name string) ([]netip.Addr, error) {
	w.mu.Lock()
	known, there := w.names[name]
	w.mu.Unlock()
	if there {
		return known.addrs, known.err
	}
	ctx, stop := context.WithTimeout(ctx, lookupTimeout)
	defer stop()
	begin := time.Now()
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", name)
	for i := range addrs {
		addrs[i] = addrs[i].Unmap()
	}
	if ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nil, ctx.Err() // interrupted: that says nothing of the name
	}
	if err != nil {
		err = lookupError(err)
	}
	slices.SortFunc(addrs, netip.Addr.Compare)
	addrs = slices.Compact(addrs)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.names[name] = lookup{addrs, err}
	if err != nil && w.w.Round == 1 {
		w.bad.Store(true)
		shell.Problem(w.stderr, "%s: %v", name, err)
	}
	w.sink.Lookup(name, len(addrs), time.Since(begin), err)
	changes := w.w.Changes
	w.tell(w.w.Resolved(name, addrs, err, time.Now()))
	if w.w.Changes > changes {
		w.sink.Change(watch.Cell{Name: name})
	}
	return addrs, err
}

// lookupError is an error in words that stay the same as long as it does.
func lookupError(err error) error {
	var d *net.DNSError
	switch {
	case !errors.As(err, &d):
		return err
	case d.IsNotFound:
		return errors.New("no such host")
	case d.IsTimeout:
		return errors.New("the resolver does not answer")
	}
	words := d.Err
	if i := strings.LastIndex(words, ": "); i >= 0 {
		words = words[i+2:]
	}
	return errors.New("resolver: " + words)
}

// finish writes the summary.
func (w *watcher) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.flush()
	if w.w.Last.IsZero() {
		return
	}
	now := time.Now()
	end := &report.WatchEnd{
		At: now, Begin: w.w.Begin, Rounds: w.w.Round, Missed: w.missed,
		Attempts: w.w.Attempts, Retries: w.w.Retries, Noise: w.w.Noise, Changes: w.w.Changes, Held: w.w.Summary(now),
	}
	if w.output == "json" {
		w.wrote(report.WatchEndJSON(w.stdout, end))
		return
	}
	w.wrote(report.WatchEndText(w.stdout, end, w.o))
}
