package diagnose

import (
	"fmt"

	"github.com/sallyport/sallyport/attempt"
)

// Forbidder is a Trier that knows which calls a seccomp filter around the program and sallyport fails by their number. Such a call
// is never seen.
type Forbidder interface {
	Forbidden() map[attempt.Call]attempt.Errno
}

// unseenCalls are the findings about calls that a seccomp filter failed: measured by sallyport itself, which has the same filter. Only
// where the program failed, and nothing else explains it.
func (v *Investigation) unseenCalls(rec *record, found []Finding) []Finding {
	f, ok := v.trier.(Forbidder)
	if !ok || !v.ended || v.status == 0 || len(found) > 0 {
		return nil
	}
	forbidden := f.Forbidden()
	if errno := forbidden[attempt.CallSocket]; errno != 0 && len(rec.lives) == 0 {
		x := v.bare(rec, &attempt.Life{FD: -1, Protocol: attempt.TCP}, attempt.CallSocket, errno, rec.ended)
		x.seccomp, x.status = true, v.status
		return []Finding{x.findingOf(SocketDenied)}
	}
	for _, c := range []struct {
		call  attempt.Call
		cause string
	}{{attempt.CallConnect, ConnectDenied}, {attempt.CallBind, BindDenied}} {
		errno := forbidden[c.call]
		l := rec.stoppedAtSocket()
		if errno == 0 || l == nil {
			continue
		}
		x := v.bare(rec, l, c.call, errno, l.Steps[0].At)
		x.Outcome.Kind, x.seccomp, x.status = attempt.Denied, true, v.status
		return []Finding{x.findingOf(c.cause)}
	}
	return nil
}

// stoppedAtSocket is the last socket of a process that made one and did nothing with it that was seen; nil where every process
// bound or connected one.
func (rec *record) stoppedAtSocket() *attempt.Life {
	acted := map[int]bool{}
	var last *attempt.Life
	for _, l := range rec.lives {
		if l.Process == nil || len(l.Steps) == 0 {
			continue
		}
		if s := &l.Steps[0]; s.Call == attempt.CallSocket && s.How == attempt.Unseen {
			last = l
		} else {
			acted[l.Process.PID] = true
		}
	}
	if last == nil || acted[last.Process.PID] {
		return nil
	}
	return last
}

// explainSeccomp is what a bind or connect that a seccomp filter denied has to say.
func (x *examined) explainSeccomp(e *explanation) {
	what := "connect any socket"
	if x.Call == attempt.CallBind {
		what = "bind any socket"
	}
	e.summary = fmt.Sprintf("%s may not %s: %s, denied by a seccomp filter around it, which does not even let sallyport see the call", x.who(), what, x.errno())
	e.saw("%v(-1) by sallyport itself, under the same filter, ended in %s rather than EBADF: the call is denied by its number", x.Call, x.Outcome.Errno.Name())
	e.saw("the program made a socket at %s, nothing was seen of it after, and the program ended with status %d", x.Begin.Format("15:04:05.000"), x.status)
	if x.Call == attempt.CallBind {
		e.advise("take the bind out: a client needs none. --without-bind is of no use here, since the filter denies the call before sallyport sees it")
	}
	x.adviseSeccomp(e)
}

func (x *examined) adviseSeccomp(e *explanation) {
	e.advise("or have the filter allow it: SystemCallFilter= of a systemd unit, `--security-opt seccomp=FILE` of a container, seccompProfile of a pod; " +
		"see `grep Seccomp /proc/self/status` from inside")
}

func explainSocketDenied(x *examined, e *explanation) {
	e.summary = fmt.Sprintf("no program here may make an IPv4 socket: %s, denied by a seccomp filter; the program made none, and ended with status %d", x.errno(), x.status)
	e.saw("socket(AF_INET) by sallyport itself, under the same filter, ended in %s, with a type that does not exist and is EINVAL elsewhere: "+
		"the call is denied by its number", x.Outcome.Errno.Name())
	e.saw("the program's own call was not seen: its own message should say %q", x.Outcome.Errno.Message())
	x.adviseSeccomp(e)
	e.advise("or leave out what restricts it: RestrictAddressFamilies= of a systemd unit is such a filter")
}
