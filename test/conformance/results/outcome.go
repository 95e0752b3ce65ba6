package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// outcome is what came of one suite.
type outcome struct {
	passed             int
	left, failed       []string
	connected, stopped int // execs
	// Loops are the connections of a pod to itself, by the pod and the address. Nothing can deny these, and what Kubernetes' suite
	// expects of them it does not count (ignoreLoopback).
	loops map[loop]bool
}

type loop struct{ from, to string }

func read(dir, suite string) (outcome, error) {
	o := outcome{loops: map[loop]bool{}}
	err := o.execs(filepath.Join(dir, suite+".execs.jsonl"))
	switch {
	case err != nil:
	case suite == "netpol":
		if err = o.ginkgo(filepath.Join(dir, suite+".json")); err == nil {
			err = o.probes(filepath.Join(dir, suite+".log"))
		}
	default:
		err = o.test2json(filepath.Join(dir, suite+".json"))
	}
	return o, err
}

// execs reads the record of standin. An exec without an answer is a failure, whatever the suite took it for.
func (o *outcome) execs(file string) error {
	return lines(file, func(text []byte) error {
		var l struct {
			From, Verdict, Stderr, Error string
			Command, To                  []string
		}
		if err := json.Unmarshal(text, &l); err != nil {
			return err
		}
		switch {
		case l.Error != "":
			o.failed = append(o.failed, "exec in "+l.From+": "+l.Error)
		case l.Verdict == "allowed" && l.Stderr == "":
			o.connected++
		default:
			o.stopped++
		}
		if slices.Equal(l.To, []string{l.From}) && len(l.Command) > 2 {
			if host, _, err := net.SplitHostPort(l.Command[2]); err == nil {
				o.loops[loop{l.From, host}] = true
			}
		}
		return nil
	})
}

// test2json counts the suite's tests, each of which has cases below it.
func (o *outcome) test2json(file string) error {
	return lines(file, func(text []byte) error {
		var e struct{ Action, Test, Output string }
		if err := json.Unmarshal(text, &e); err != nil {
			return err
		}
		// The suite asks again until it gets the answer it wants. What has just been written is always seen here, so that even the first
		// answer has to be right.
		if e.Action == "output" && strings.Contains(e.Output, "FAILED") {
			o.failed = append(o.failed, e.Test+": "+strings.TrimSpace(e.Output))
		}
		depth := strings.Count(e.Test, "/")
		switch {
		case e.Action == "fail":
			o.failed = append(o.failed, e.Test)
		case e.Action == "skip" && depth > 0:
			o.left = append(o.left, e.Test)
		case e.Action == "pass" && depth == 1:
			o.passed++
		}
		return nil
	})
}

// ginkgo counts specs. Those of other suites, which were not asked for, have the state "skipped" without a message.
func (o *outcome) ginkgo(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var reports []struct {
		SuiteSucceeded bool
		SpecReports    []struct {
			ContainerHierarchyTexts           []string
			LeafNodeType, LeafNodeText, State string
			Failure                           struct{ Message string }
		}
	}
	if err := json.Unmarshal(text, &reports); err != nil {
		return err
	}
	for _, r := range reports {
		if !r.SuiteSucceeded {
			o.failed = append(o.failed, "the suite has failed")
		}
		for _, s := range r.SpecReports {
			name := strings.Join(append(s.ContainerHierarchyTexts, s.LeafNodeText), " ")
			switch {
			case s.State == "passed" && s.LeafNodeType == "It":
				o.passed++
			case s.State == "passed" || s.State == "skipped" && s.Failure.Message == "":
			case s.State == "skipped":
				o.left = append(o.left, name+": "+s.Failure.Message)
			default:
				o.failed = append(o.failed, name+": "+s.State+": "+s.Failure.Message)
			}
		}
	}
	return nil
}

var (
	unexpected = regexp.MustCompile(`probe #\d+ :: connectivity not expected :: (\S+) -> (\S+)`)
	second     = regexp.MustCompile(`failed first probe \d+ wrong results`)
)

// probes looks for answers that were not right the first time. A test waits for its services' endpoints, and may be refused until
// then; it must not be let through where it expects not to be, nor try a matrix twice.
func (o *outcome) probes(file string) error {
	return lines(file, func(text []byte) error {
		if m := unexpected.FindSubmatch(text); m != nil && !o.loops[loop{string(m[1]), string(m[2])}] {
			o.failed = append(o.failed, string(m[0]))
		}
		if m := second.Find(text); m != nil {
			o.failed = append(o.failed, string(m))
		}
		return nil
	})
}

func lines(file string, each func([]byte) error) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 1<<24)
	for n := 1; s.Scan(); n++ {
		if err := each(s.Bytes()); err != nil {
			return fmt.Errorf("%s:%d: %w", file, n, err)
		}
	}
	return s.Err()
}
