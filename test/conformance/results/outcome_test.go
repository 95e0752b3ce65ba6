package main

import (
	"os"
	"path/filepath"
	"testing"
)

// TestRead wants a failure of everything that must not pass.
func TestRead(t *testing.T) {
	const (
		good   = `{"from":"x/a","verdict":"allowed"}` + "\n" + `{"from":"x/a","verdict":"denied","stderr":"TIMEOUT\n"}` + "\n"
		passed = `{"Action":"pass","Test":"TestConformance/A/b"}` + "\n" + `{"Action":"pass","Test":"TestConformance/A"}` + "\n"
		specs  = `[{"SuiteSucceeded":true,"SpecReports":[{"LeafNodeType":"It","LeafNodeText":"a","State":"passed"},{"LeafNodeType":"It","LeafNodeText":"b","State":"skipped"}]}]`
	)
	tests := []struct {
		name, suite, execs, report, log string
		passed, left, failed            int
	}{
		{"all passed", "adminnetworkpolicy", good, passed, "", 1, 0, 0},
		{"no answer to an exec", "adminnetworkpolicy", good + `{"from":"x/a","verdict":"undecidable","error":"undecidable: why"}`, passed, "", 1, 0, 1},
		{"a case failed", "adminnetworkpolicy", good, passed + `{"Action":"fail","Test":"TestConformance/B/c"}`, "", 1, 0, 1},
		{"a test was skipped", "adminnetworkpolicy", good, passed + `{"Action":"skip","Test":"TestConformance/B"}`, "", 1, 1, 0},
		{
			"only the second answer was right", "adminnetworkpolicy", good,
			`{"Action":"output","Test":"TestConformance/A/b","Output":"FAILED Command was"}` + "\n" + passed, "", 1, 0, 1,
		},
		{"specs passed", "netpol", good, specs, "", 1, 0, 0},
		{"a spec failed", "netpol", good, `[{"SpecReports":[{"LeafNodeType":"It","State":"failed"}]}]`, "", 0, 0, 2},
		{"a spec was skipped by itself", "netpol", good, `[{"SuiteSucceeded":true,"SpecReports":[{"LeafNodeType":"It","State":"skipped","Failure":{"Message":"why"}}]}]`, "", 0, 1, 0},
		{"a spec was let through at first", "netpol", good, specs, "I1125 probe #1 :: connectivity not expected :: x/a -> 10.96.0.1\n", 1, 0, 1},
		{
			"a pod reached itself", "netpol",
			`{"from":"x/a","command":["/agnhost","connect","10.96.0.1:80"],"to":["x/a"],"verdict":"allowed"}` + "\n" + `{"from":"x/a","verdict":"denied","stderr":"TIMEOUT\n"}`,
			specs, "I1125 probe #1 :: connectivity not expected :: x/a -> 10.96.0.1\n", 1, 0, 0,
		},
		{"a spec waited for endpoints", "netpol", good, specs, "I1125 probe #1 :: connectivity expected :: x/a -> 10.96.0.1 :: stderr - REFUSED\n", 1, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			for suffix, text := range map[string]string{".execs.jsonl": test.execs, ".json": test.report, ".log": test.log} {
				if err := os.WriteFile(filepath.Join(dir, test.suite+suffix), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			o, err := read(dir, test.suite)
			if err != nil {
				t.Fatal(err)
			}
			if o.passed != test.passed || len(o.left) != test.left || len(o.failed) != test.failed || o.connected != 1 || o.stopped != 1 {
				t.Errorf("got %+v, want %d passed, %d left out, %d failed", o, test.passed, test.left, test.failed)
			}
		})
	}
}
