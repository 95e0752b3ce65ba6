package doctor

import "fmt"

// Answer is the answer of a check. The zero value is unknown.
type Answer uint8

// The answers.
const (
	Unknown Answer = iota
	Yes
	No
)

var answerNames = [...]string{Unknown: "unknown", Yes: "yes", No: "no"}

// String is "yes", "no" or "unknown".
func (a Answer) String() string {
	if int(a) < len(answerNames) {
		return answerNames[a]
	}
	return fmt.Sprintf("answer %d", uint8(a))
}

// MarshalText is String.
func (a Answer) MarshalText() ([]byte, error) { return []byte(a.String()), nil }

// Check is one thing that sallyport can use, and whether it can.
type Check struct {
	Name   string `json:"name"`
	OK     Answer `json:"ok"`
	Reason string `json:"reason"`           // what was found
	Change string `json:"change,omitempty"` // what to do; "" where there is nothing to do
}

// Fact is something read off the environment.
type Fact struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Way is how `sallyport run` works here.
type Way uint8

// The ways of working. ByInjection: the program's sockets are made by sallyport and put into it, because
// its descriptors can't be duplicated.
const (
	NotAtAll Way = iota
	ByInjection
	Fully
)

var wayNames = [...]string{NotAtAll: "no", ByInjection: "yes, by socket injection", Fully: "yes"}

// String is "no", "yes, by socket injection" or "yes".
func (w Way) String() string {
	if int(w) < len(wayNames) {
		return wayNames[w]
	}
	return fmt.Sprintf("way %d", uint8(w))
}

// MarshalText is "no", "injection" or "yes".
func (w Way) MarshalText() ([]byte, error) {
	if w == ByInjection {
		return []byte("injection"), nil
	}
	return []byte(w.String()), nil
}

// Report is what was found. Because and Change say what stands in the way, and are empty where Run is Fully.
type Report struct {
	Run     Way      `json:"run"`
	Because []string `json:"because"`
	Change  []string `json:"change"`
	Checks  []Check  `json:"checks"`
	Facts   []Fact   `json:"facts"`
}

// Check is the check with a name; the zero Check, whose answer is unknown, where there is none.
func (r *Report) Check(name string) Check {
	for _, c := range r.Checks {
		if c.Name == name {
			return c
		}
	}
	return Check{}
}

// The names of the checks.
const (
	Kernel         = "kernel"
	Notification   = "seccomp user notification"
	Outer          = "no other supervisor around us"
	Duplicate      = "duplicate descriptors (pidfd_getfd)"
	Inject         = "inject sockets (SECCOMP_ADDFD_FLAG_SEND)"
	ReadVM         = "read memory (process_vm_readv)"
	ReadProc       = "read memory (/proc/PID/mem)"
	ThreadHandles  = "handles to threads (PIDFD_THREAD)"
	SyncWakeUp     = "synchronous wake-up"
	Setuid         = "setuid programs keep their rights"
	PtraceScope    = "ptrace access to children"
	UserNamespaces = "user namespaces"
	NetNamespaces  = "network namespaces in them"
)

// decide sets how run works, and why not better, from the checks.
func (r *Report) decide() {
	need := func(names ...string) bool { // one of them
		for _, n := range names {
			if r.Check(n).OK == Yes {
				return true
			}
		}
		for _, n := range names {
			c := r.Check(n)
			r.Because = append(r.Because, n+": "+c.Reason)
			if c.Change != "" {
				r.Change = append(r.Change, c.Change)
			}
		}
		return false
	}
	r.Run = NotAtAll
	switch {
	case r.Check(Outer).OK == No:
		need(Outer)
	case !need(Notification), !need(ReadVM, ReadProc):
	case need(Duplicate):
		r.Run = Fully
	case need(Inject):
		r.Run = ByInjection
	}
	r.Change = unique(r.Change)
}

func unique(list []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, s := range list {
		if !seen[s] {
			out = append(out, s)
		}
		seen[s] = true
	}
	return out
}
