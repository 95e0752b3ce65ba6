// Package demo is the case that sallyport started from, embedded: a server that greets as the case's server did, a
// network for it, and the three scripts, which run under the built-in profile openshift-v2-gear.
//
// All of it is this machine's own: a network namespace where that is allowed, and otherwise an address of the
// machine that only the machine itself can reach. It needs no network, no rights and no other program, and it
// leaves nothing behind. It shows nothing: package report does.
package demo
