package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

func main() {
	helperInit()
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

const (
	exitMet    = 0
	exitMissed = 1
	exitFailed = 2
)

// benchmarks is in the order of the output.
var benchmarks = []struct {
	name string
	run  func(*bench) (Table, error)
}{
	{"cycle", (*bench).cycle},
	{"calls", (*bench).calls},
	{"bytes", (*bench).bytes},
	{"start", (*bench).start},
	{"memory", (*bench).memory},
	{"blackhole", (*bench).blackhole},
	{"decide", (*bench).decide},
	{"events", (*bench).events},
	{"callsite", (*bench).callsite},
}

func names() []string {
	var out []string
	for _, m := range benchmarks {
		out = append(out, m.name)
	}
	return out
}

// Document is the whole result, for --json.
type Document struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	Machine Machine   `json:"machine"`
	Tables  []Table   `json:"tables"`
}

func run(args []string, stdout, stderr io.Writer) int {
	fs := flag.NewFlagSet("bench", flag.ContinueOnError)
	fs.SetOutput(stderr)
	program := fs.String("sallyport", "sallyport", "the sallyport `command` to measure")
	only := fs.String("only", strings.Join(names(), ","), "which benchmarks to run, by `names`")
	rounds := fs.Int("rounds", full.rounds, "how often each contender has its turn")
	quick := fs.Bool("quick", false, "only see that each benchmark runs: the numbers mean little")
	asJSON := fs.Bool("json", false, "write one JSON document instead of tables")
	if fs.Parse(args) != nil {
		return exitFailed
	}
	wanted := strings.Split(*only, ",")
	for _, n := range wanted {
		if !slices.Contains(names(), n) {
			fmt.Fprintf(stderr, "bench: unknown benchmark %q: want one of %s\n", n, strings.Join(names(), ", "))
			return exitFailed
		}
	}
	size := full
	if *quick {
		size = small
	}
	if !*quick || *rounds != full.rounds {
		size.rounds = *rounds
	}
	own, err := ownNetwork()
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitFailed
	}
	b, err := newBench(*program, size, stderr)
	if err != nil {
		fmt.Fprintf(stderr, "bench: %v\n", err)
		return exitFailed
	}
	b.unjudged = *quick
	return b.all(wanted, own, *asJSON, stdout, stderr)
}

// all runs the wanted benchmarks and writes what they found.
func (b *bench) all(wanted []string, own, asJSON bool, stdout, stderr io.Writer) int {
	doc := Document{Version: 1, At: time.Now().Round(time.Second), Machine: readMachine(own)}
	if !asJSON {
		doc.Machine.text(stdout)
	}
	status := exitMet
	for _, m := range benchmarks {
		if !slices.Contains(wanted, m.name) {
			continue
		}
		t, err := m.run(b)
		b.progress("")
		if err != nil {
			fmt.Fprintf(stderr, "bench: %s: %v\n", m.name, err)
			return exitFailed
		}
		t.Name = m.name
		if b.unjudged {
			t.Budgets = nil
		}
		for _, bud := range t.Budgets {
			if !bud.Met {
				status = exitMissed
			}
		}
		doc.Tables = append(doc.Tables, t)
		if !asJSON {
			t.text(stdout)
		}
	}
	doc.Machine.LoadAfter = load()
	if !asJSON {
		fmt.Fprintf(stdout, "\nload average after: %s\n", number(doc.Machine.LoadAfter))
		return status
	}
	enc := json.NewEncoder(stdout)
	enc.SetIndent("", "  ")
	if err := enc.Encode(doc); err != nil {
		fmt.Fprintf(stderr, "bench: write JSON: %v\n", err)
		return exitFailed
	}
	return status
}
