// Package unotify is the kernel's seccomp user notification interface (seccomp_unotify(2)) for Go,
// without cgo: build a filter, start a program under it, receive the calls that the filter hands over, read the
// caller's memory, duplicate its descriptors, put descriptors into it, and answer.
//
// A supervisor's program looks like this:
//
//	func main() {
//		unotify.ChildInit() // returns at once, except in the child that installs the filter
//		f := unotify.Filter{Rules: []unotify.Rule{{Syscall: unix.SYS_CONNECT, Action: unotify.Notify}}}
//		p, err := unotify.Start(&unotify.Command{Path: "/usr/bin/curl", Args: os.Args[1:], Filter: f})
//		...
//		for {
//			var n unotify.Notification
//			if err := p.Listener.Receive(&n); err != nil { break }
//			p.Listener.Continue(n.ID)
//		}
//	}
//
// What it promises: nothing is written into the program's streams, no descriptor of the supervisor is left in the
// program, and the program is started with the environment, working directory, descriptors, resource limits and signal
// mask of the supervisor.
//
// What it leaves to its user: what an answer should be. Two rules of the interface decide whether a supervisor is
// correct, and both are easy to get wrong. First, Continue lets the kernel read the caller's memory again, so it must not
// be the answer to a question that was decided by what was read from memory, where that decision is
// meant to bind. Second, a caller may be interrupted by a signal after its notification was received: then the answer
// is refused with [ErrGone], and the same call may come again.
//
// Everything but the filter's types needs Linux 5.6 or later; what needs more says so.
package unotify
