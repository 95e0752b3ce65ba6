package diagnose

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// fullness is a process that had all its descriptors in use.
type fullness struct {
	process *attempt.Process
	cookie  uint64 // of the socket that has the last one
	limit   int    // RLIMIT_NOFILE
	at      time.Time
	kinds   map[string]int         // "sockets", "files", "pipes", "others" -> how many
	toward  map[netip.AddrPort]int // how many TCP connections to whom; nil where that can't be read
}

// Full is called when process p was seen to have all its descriptors in use, limit of them, the last by the socket with that
// cookie. It reads what they are before it returns: the process waits meanwhile.
func (v *Investigation) Full(p *attempt.Process, cookie uint64, limit int) {
	if p == nil {
		return
	}
	f := &fullness{process: p, cookie: cookie, limit: limit, at: v.now()}
	f.kinds, f.toward = descriptorsOf(p.PID)
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.full == nil {
		v.full = map[int]*fullness{}
	}
	if v.full[p.PID] != nil || len(v.full) < distinctTries {
		v.full[p.PID] = f
	}
}

// Ended tells the exit status that the program ended with, or 128 and the number of its signal. What no call shows can only be a
// finding where the program failed.
func (v *Investigation) Ended(status int) { v.ended, v.status = true, status }

// bare is a failure that no call of the life shows.
func (v *Investigation) bare(rec *record, l *attempt.Life, call attempt.Call, errno attempt.Errno, at time.Time) *examined {
	m := &made{
		Result: attempt.Result{
			Attempt: attempt.Attempt{Protocol: l.Protocol}, Outcome: attempt.Outcome{Kind: attempt.Failed, Errno: errno},
			Begin: at, End: at, Last: -1, Call: call,
		},
		life: l, process: processKey(l),
	}
	return &examined{made: m, experiment: &experiment{}, facts: v.facts(), rec: rec, options: v.options}
}

// exhausted are the findings about processes that had no descriptor left when they made their last socket, and failed. found are
// the findings that calls led to.
func (v *Investigation) exhausted(rec *record, found []Finding) (out []Finding) {
	v.mu.Lock()
	full := slices.Collect(maps.Values(v.full))
	v.mu.Unlock()
	slices.SortFunc(full, func(a, b *fullness) int { return a.at.Compare(b.at) })
	for _, f := range full {
		explained := slices.ContainsFunc(found, func(o Finding) bool { return o.PID == f.process.PID })
		if v.status == 0 || explained || rec.recovered(f) {
			continue
		}
		x := v.bare(rec, &attempt.Life{Process: f.process, FD: f.limit - 1, Protocol: attempt.TCP}, attempt.CallSocket, attempt.EMFILE, f.at)
		x.full, x.status = f, v.status
		out = append(out, x.findingOf(DescriptorsExhausted))
	}
	return out
}

// recovered reports whether the process made another socket after it had had no descriptor left.
func (rec *record) recovered(f *fullness) bool {
	return slices.ContainsFunc(rec.lives, func(l *attempt.Life) bool {
		return l.Process != nil && l.Process.PID == f.process.PID && l.Cookie != f.cookie && len(l.Steps) > 0 && l.Steps[0].At.After(f.at)
	})
}

func explainDescriptors(x *examined, e *explanation) {
	f := x.full
	e.summary = fmt.Sprintf("%s had all of its %d file descriptors in use, made no socket after that, and the program ended with status %d: "+
		"with none left, the next socket, accept or open ends in EMFILE (%s)", x.who(), f.limit, x.status, attempt.EMFILE.Message())
	e.saw("the last of its %d descriptors (RLIMIT_NOFILE) was a socket, at %s", f.limit, f.at.Format("15:04:05.000"))
	e.saw("they were %s", countsText(f.kinds))
	if text := towardText(f.toward); text != "" {
		e.saw("its TCP connections went to %s", text)
	}
	e.saw("the call that failed was not seen: sallyport does not trap socket, accept and open; the program's own message should say \"Too many open files\"")
	e.advise("look for what is not closed: `ls -l /proc/PID/fd` while it runs, and `ss -tnp` for its connections; CLOSE-WAIT there means that the far end has closed and the program has not")
	e.advise("or let it have more: `ulimit -n %d` before it starts, LimitNOFILE= in a systemd unit, `--ulimit nofile=` for a container", f.limit*16)
}

// countsText is "61 sockets, 3 files", the most first.
func countsText(kinds map[string]int) string {
	names := slices.SortedFunc(maps.Keys(kinds), func(a, b string) int {
		return cmp.Or(kinds[b]-kinds[a], strings.Compare(a, b))
	})
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = fmt.Sprintf("%d %s", kinds[name], name)
	}
	return strings.Join(out, ", ")
}

// mostToward is how many destinations are named.
const mostToward = 3

// towardText is "192.0.2.1:443 (58), 192.0.2.2:80 (3)", the most first.
func towardText(toward map[netip.AddrPort]int) string {
	to := slices.SortedFunc(maps.Keys(toward), func(a, b netip.AddrPort) int {
		return cmp.Or(toward[b]-toward[a], a.Compare(b))
	})
	var out []string
	for i, a := range to {
		if i == mostToward {
			out = append(out, fmt.Sprintf("and %d more", len(to)-mostToward))
			break
		}
		out = append(out, fmt.Sprintf("%v (%d)", a, toward[a]))
	}
	return strings.Join(out, ", ")
}
