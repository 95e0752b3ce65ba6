package test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// report is what the tests read of `sallyport run --output json`.
type report struct {
	Version    int
	Program    []string
	ExitStatus int `json:"exit_status"`
	Findings   []finding
	Lives      []json.RawMessage
}

type finding struct {
	Cause     string
	Summary   string
	Attempt   struct{ Protocol, Source, Destination string }
	Outcome   string
	Errno     string
	Remedy    []string
	Where     []frame
	WhereTold bool `json:"where_told"`
}

type frame struct {
	File, Function, Text string
	Line                 int
	Standard             bool
}

func readReport(t testing.TB, path string) report {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("the report: %v", err)
	}
	var r report
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("the report: %v\n%s", err, text)
	}
	if r.Version != 1 {
		t.Errorf("report's version %d, want 1", r.Version)
	}
	return r
}

// causes is the causes of the findings, in order, separated by blanks.
func (r report) causes() string {
	var names []string
	for _, f := range r.Findings {
		names = append(names, f.Cause)
	}
	return strings.Join(names, " ")
}
