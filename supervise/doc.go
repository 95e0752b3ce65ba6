// Package supervise runs a program under watch: it sees each of the program's client sockets through its life,
// performs the calls that name an address, and, where it was asked to, answers them otherwise: a bind is elided,
// a profile's rule decides.
//
// What it promises: the program cannot tell, except where the user asked for a change. A call is performed on a
// duplicate of the program's own socket, with the arguments that were read once, and the program gets the kernel's
// answer. Nothing of a socket is held longer than the call takes, so that a program's close closes; where sockets have to be
// injected, until the socket is connected, listening or closed.
//
// What it leaves to others: what a failure means (package diagnose), and how it is told (package report).
package supervise
