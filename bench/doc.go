// Command bench measures sallyport beside its peers, in one run: what each budget of docs/architecture.md is about, and
// what else is worth knowing of speed and memory.
//
// It promises that contenders take turns (A B A B ...), so that a machine that is busy for a while is busy for all of
// them; that what it reports is the median over rounds, and differences and ratios are those of the same round; and that all
// its traffic stays on loopback, as root in a network namespace of its own. It exits with 1 where the median misses a
// budget, and with 2 where it could not measure.
//
// It leaves to the reader what a busy machine's numbers are worth: it prints the load, and says which series vary widely.
package main
