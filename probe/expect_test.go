package probe

import (
	"strings"
	"testing"

	"github.com/sallyport/sallyport/attempt"
)

func TestExpectations(t *testing.T) {
	list, err := ReadExpectations("e.yaml", []byte("- to: smtp://192.0.2.1\n  expect: allowed\n- {to: '192.0.2.1:80', from: any, expect: denied}\n- {to: '192.0.2.1:81', expect: refused}\n"))
	if err != nil || len(list) != 3 || list[1].Line != 3 {
		t.Fatal(err, list)
	}
	for _, c := range []struct {
		want    int // the expectation
		stage   Stage
		outcome attempt.Outcome
		met     bool
	}{
		{0, StageDone, attempt.Outcome{Kind: attempt.Connected}, true},
		{0, StageHandshake, attempt.Outcome{Kind: attempt.Connected}, false}, // another protocol answers
		{0, StageConnect, attempt.Outcome{Kind: attempt.TimedOut}, false},
		{1, StageBind, attempt.OutcomeOf(attempt.EACCES), true},
		{1, StageConnect, attempt.Outcome{Kind: attempt.TimedOut}, true},
		{1, StageConnect, attempt.OutcomeOf(attempt.ECONNREFUSED), false}, // proves nothing
		{1, StageDone, attempt.Outcome{Kind: attempt.Connected}, false},
		{2, StageConnect, attempt.OutcomeOf(attempt.ECONNREFUSED), true},
		{2, StageConnect, attempt.Outcome{Kind: attempt.TimedOut}, false},
	} {
		r := Result{Stage: c.stage, Outcome: c.outcome}
		r.Protocol = attempt.TCP
		r.Judge()
		if list[c.want].Met(&r) != c.met {
			t.Errorf("%v of %v at %v: met is not %v", &list[c.want], c.outcome, c.stage, c.met)
		}
	}
}

func TestExpectationsThatAreNone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                    "e.yaml: want a list",
		"a: b":                                "e.yaml: want a list",
		"- x":                                 "e.yaml:1: want a mapping",
		"- to: 192.0.2.1:80":                  "e.yaml:1: has no expect:",
		"- {to: x, expect: allowed}":          `e.yaml:1: "x" has no port`,
		"\n- {to: 'x:1', expect: alowed}":     `e.yaml:2: expect "alowed": did you mean allowed?`,
		"- {to: 'x:1', expect: denied, t: 1}": `e.yaml:1: unknown field "t": did you mean to?`,
		"- {to: 'x:1', to: 'y:1'}":            "e.yaml:1: to is given twice",
		"- {to: [a], expect: denied}":         "e.yaml:1: to: want one word",
		"- {to: 'x:1', from: 1.2.3, expect: denied}": `e.yaml:1: from "1.2.3": want none, any, or an address`,
		"- to: 'x:1\n": "e.yaml: ",
	} {
		_, err := ReadExpectations("e.yaml", []byte(text))
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
