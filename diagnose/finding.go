package diagnose

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/sallyport/sallyport/attempt"
)

// Finding is one explained failure.
type Finding struct {
	Cause           string           // its stable name in the catalogue: "bind-denied"
	Summary         string           // one sentence that leads to the fix; no full stop
	Attempt         attempt.Attempt  // what was tried; no destination where the program stopped at its bind
	Outcome         attempt.Outcome  // how it ended
	PID             int              // the process that made it; of the first, where several were alike
	FD              int              // the descriptor of the socket
	Process         []string         // the command line of the process; nil where it could not be read
	Where           []Frame          // the lines of source that made the call, innermost first; nil where not known
	WhereTold       bool             // Where is the call that told the program of the failure (SO_ERROR), not the one that connected
	DeniedBy        Denier           // who denied it; "" where nobody did, or it is not certain
	Rule            string           // the rule of a profile that decided it; "" where the kernel or the network did
	Evidence        []string         // the steps and the facts that the cause was read off, in order
	Remedy          []string         // what to do, best first
	Counterfactuals []Counterfactual // the same attempt with one thing changed
	Count           int              // how many attempts failed like this; at least 1
	At              time.Time        // when the first of them began
}

// Frame is one line of a call stack.
type Frame = attempt.Frame

// Counterfactual is the same attempt made again with one thing changed.
type Counterfactual struct {
	Change  string          // "without the bind", "the same again"
	Attempt attempt.Attempt // what was tried instead
	Outcome attempt.Outcome
	Detail  string        // what the outcome does not say: "the proxy answered 403 Forbidden"; "" where nothing
	Took    time.Duration // how long it took, or was waited for
}

// String is "without the bind: connected".
func (c Counterfactual) String() string {
	s := c.Change + ": " + c.Outcome.String()
	if c.Outcome.Kind == attempt.TimedOut && c.Outcome.Errno == 0 {
		s += ", no answer within " + attempt.DurationText(c.Took.Round(100*time.Millisecond))
	}
	if c.Detail != "" {
		s += ", " + c.Detail
	}
	return s
}

// Note is something that failed and did not matter, or that is worth knowing beside the findings.
type Note struct {
	Kind    string // stable: one of the Note constants
	Text    string // one sentence; no full stop
	Attempt attempt.Attempt
	Outcome attempt.Outcome
	PID     int
	Count   int // how often; at least 1
	At      time.Time
}

// The kinds of note.
const (
	NoteOtherAddress = "other-address-connected" // happy eyeballs: another address of the same service did
	NoteRetried      = "retry-connected"         // a later attempt to the same destination connected
	NoteBindSkipped  = "bind-made-good"          // the socket connected all the same, or another port was free
	NoteProbe        = "probe"                   // a look at what the machine can do, or at a source address
	NoteWithout      = "went-on-without"         // an option or a kind of socket was denied, and the program went on without it
	NoteSlowLookup   = "slow-lookup"             // a name was resolved, after a server had not answered
	NoteProxy        = "proxy-refused"           // a proxy did not do what it was asked for, and it is not certain that this mattered
	NoteUnanswered   = "unanswered"              // in progress when the program ended, or given up soon
)

// processName is the name of a process for a sentence: "python3 (pid 123)".
func processName(p *attempt.Process) string {
	switch {
	case p == nil:
		return "a process"
	case p.Exe != "" && (len(p.Command) == 0 || strings.ContainsAny(p.Command[0], " \t")): // some write a title there
		return fmt.Sprintf("%s (pid %d)", filepath.Base(p.Exe), p.PID)
	case len(p.Command) > 0 && p.Command[0] != "":
		return fmt.Sprintf("%s (pid %d)", filepath.Base(p.Command[0]), p.PID)
	}
	return fmt.Sprintf("process %d", p.PID)
}

// CommandLine is a command as one would type it into a shell.
func CommandLine(args []string) string {
	quoted := make([]string, len(args))
	for i, a := range args {
		quoted[i] = a
		switch {
		case a != "" && !strings.ContainsFunc(a, special):
		case strings.Contains(a, "'") && !strings.ContainsAny(a, "\"$`\\!"):
			quoted[i] = `"` + a + `"`
		default:
			quoted[i] = "'" + strings.ReplaceAll(a, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}

func special(r rune) bool {
	return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_=+./:,@%", r))
}
