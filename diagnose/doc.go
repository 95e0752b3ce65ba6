// Package diagnose turns what was recorded of a program's client sockets into findings: one for each
// attempt that failed and mattered, with its cause, the evidence, and what to change.
//
// A finding rests on three things: the life of the socket (package attempt), facts about the
// environment (Facts), and counterfactuals, the same attempt made again with one thing changed. An
// Investigation makes the counterfactuals while the program still runs, and weighs everything once it has
// ended. What failed and did not matter (the address family that lost a race, the port that was tried
// before the one that was free, a probe for IPv6) becomes a note.
//
// It promises that a cause is only named when the evidence allows no other of the catalogue (Causes);
// anything else is "unknown", with what was seen. It prints nothing: package report does.
package diagnose
