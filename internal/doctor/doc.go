// Package doctor finds out what this machine lets sallyport do.
//
// It asks by trying: a feature is there when it worked, in a child process where the trial could do harm to this one (a
// seccomp filter around us may answer a call by killing the caller). What is read rather than tried is a fact, not a
// check. A check that could not be made says so: its answer is unknown, never a guess.
//
// What it leaves to others: words for people and JSON (package report), and knowing the command line
// that leads back to [Child].
package doctor
