// Package watch tells what changes when the same attempts are made again and again. It is a state machine: it makes no attempts, has no clock and no
// goroutines. Whoever makes the attempts gives it each result, and is told what changed, what has to be tried once more before it counts, and what only
// flaps.
//
// What it keeps grows with the number of things that are watched, never with the number of rounds.
package watch
