package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

func TestMain(m *testing.M) {
	helperInit()
	os.Exit(m.Run())
}

// TestBenchmarksRun asserts that each benchmark yields numbers, and nothing of what they are: time limits don't belong in
// tests.
func TestBenchmarksRun(t *testing.T) {
	program := filepath.Join(t.TempDir(), "sallyport")
	if out, err := exec.Command("go", "build", "-o", program, "../cmd/sallyport").CombinedOutput(); err != nil {
		t.Fatalf("build sallyport: %v\n%s", err, out)
	}
	b, err := newBench(program, small, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range benchmarks {
		t.Run(m.name, func(t *testing.T) {
			table, err := m.run(b)
			if err != nil {
				t.Fatal(err)
			}
			if len(table.Series) == 0 {
				t.Error("got no series")
			}
			for _, s := range table.Series {
				if s.Skipped != "" {
					t.Logf("%s: not measured: %s", s.Name, s.Skipped)
					continue
				}
				if got, want := len(s.Rounds), small.rounds; got != want {
					t.Errorf("%s: got %d rounds, want %d", s.Name, got, want)
				}
				for _, v := range s.Rounds {
					if v <= 0 {
						t.Errorf("%s: got %v %s, want more than none", s.Name, v, table.Unit)
					}
				}
			}
		})
	}
}
