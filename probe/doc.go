// Package probe says what is to be measured, and what was: what client sockets may do in a place, what client sockets may do in the place where it runs: source x protocol x family x destination x port, with
// handshakes of a few bytes that prove who answered.
//
// What it promises: it sends only to what it was given; it sends no more at a time to one host, and no more a second, than it was
// told; it leaves nothing behind at a server; and it reports only what it saw. An answer that may have several reasons is
// inconclusive. Results stream: a million attempts need no more memory than those under way.
package probe
