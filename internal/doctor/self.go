package doctor

// Self is the command line by which this program comes to call [Child] with the argument that is
// appended to it; Self[0] is what the program is called. Its main calls unotify.ChildInit first.
type Self []string

// The trials that a child makes.
const (
	trialCalls      = "calls"
	trialSupervised = "supervised"
	trialLoopback   = "loopback"
)
