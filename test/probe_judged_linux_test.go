package test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const declaredForProbe = `apiVersion: sallyport.dev/v1alpha1
kind: EgressProfile
metadata: {name: declared}
spec:
  egress:
    default: allow
    rules:
    - {destinations: [172.16.6.1], ports: [80], verdict: drop, reason: no web}
    - {destinations: [172.16.6.1], ports: [81], verdict: drop, reason: nothing here}
`

// TestProbeCompare puts what was declared beside what is: a rule that nobody enforces, a drop that nobody declared, and one that both have.
func TestProbeCompare(t *testing.T) {
	p := filtered(t)
	declared := filepath.Join(t.TempDir(), "declared.yaml")
	if err := os.WriteFile(declared, []byte(declaredForProbe), 0o644); err != nil {
		t.Fatal(err)
	}
	got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--timeout", "2s", "--sources", "none", "--compare", declared, "172.16.6.1:79-83")
	if got.Status != 1 {
		t.Errorf("status %d\n%s", got.Status, got.Stderr)
	}
	for _, want := range []string{
		"differs: 172.16.6.1 port 80 by tcp, no bind: declared drop, observed connected",
		"declared by declared, egress rule 1 (line 8): no web",
		"likely: the policy is not enforced here",
		"differs: 172.16.6.1 port 83 by tcp, no bind: declared allow, observed connect: EHOSTUNREACH",
		"2 differ, 1 are as declared, of 2 nothing is certain",
	} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in\n%s", want, got.Stdout)
		}
	}
	alike := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--timeout", "2s", "--sources", "none", "--compare", declared, "172.16.6.1:81")
	if alike.Status != 0 || !strings.Contains(alike.Stdout, "0 differ, 1 are as declared") {
		t.Errorf("status %d\n%s", alike.Status, alike.Stdout)
	}
}

// TestProbeExpect is the run of a CI job: what is as expected, and what is not, with the line that expected it.
func TestProbeExpect(t *testing.T) {
	p := filtered(t)
	file := filepath.Join(t.TempDir(), "expect.yaml")
	write := func(text string) {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("- {to: '172.16.6.1:80', expect: allowed}\n- {to: '172.16.6.1:81', expect: denied}\n- {to: '172.16.6.1:82', expect: refused}\n- {to: '172.16.6.1:86', from: 172.16.6.171, expect: timed out}\n")
	if got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--timeout", "2s", "--expect", file); got.Status != 0 || !strings.Contains(got.Stdout, "4 of 4 are as expected") {
		t.Errorf("status %d\n%s%s", got.Status, got.Stdout, got.Stderr)
	}
	write("- {to: '172.16.6.1:81', expect: allowed}\n- {to: 'http://172.16.6.1', expect: allowed}\n- {to: '172.16.6.1:82', expect: denied}\n")
	got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--timeout", "2s", "--expect", file, "--output", "junit")
	if got.Status != 1 || strings.Count(got.Stdout, "<failure ") != 3 {
		t.Errorf("status %d, want a failure for each\n%s", got.Status, got.Stdout)
	}
}

// TestProbeBadLists tells each line that is no target, and goes on with the rest; Windows' line ends and a byte order mark are none.
func TestProbeBadLists(t *testing.T) {
	p := filtered(t)
	list := "\ufeff172.16.6.1:80\r\n\r\n# a comment\r\n172.16.6.1:99999\r\nhtps://172.16.6.1\r\nnosuch.example.test:80\r\n" + strings.Repeat("x", 5000) + "\r\n172.16.6.1:81 # dropped\r\n"
	got := p.Client.Run(probeTimeout, list, sallyport(t), "probe", "--timeout", "2s", "--sources", "none", "--targets", "-")
	if got.Status != 1 {
		t.Errorf("status %d", got.Status)
	}
	for _, want := range []string{
		`standard input:4: "172.16.6.1:99999": port 99999 is out of range`, `standard input:5: "htps://172.16.6.1": the scheme htps is not known: did you mean https://?`,
		"standard input:7: is longer than 4096 bytes", "nosuch.example.test:80: ",
	} {
		if !strings.Contains(got.Stderr, want) {
			t.Errorf("no %q in\n%s", want, got.Stderr)
		}
	}
	for _, want := range []string{"  80                  allowed", "  81                  denied"} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in\n%s", want, got.Stdout)
		}
	}
}

// TestProbeExplains finds who denied, and the rule where it is one of this host's own.
func TestProbeExplains(t *testing.T) {
	p := filtered(t)
	p.Client.Filter("output", "tcp dport 90 drop")
	got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--timeout", "3s", "--sources", "none", "172.16.6.1:80-81,90")
	for _, want := range []string{
		"90                  denied        silence for 3 s: a packet filter of this host",
		"81                  denied        silence for 3 s: dropped on the way, or the host is down",
		"port-filtered: the probe got no answer from 172.16.6.1:81, and that host is up",
		"denied-by-netfilter: the probe can't reach 172.16.6.1:90: the packet filter of this machine drops what it sends: `tcp dport 90 drop`",
	} {
		if !strings.Contains(got.Stdout, want) {
			t.Errorf("no %q in\n%s", want, got.Stdout)
		}
	}
	if quiet := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--timeout", "1s", "--sources", "none", "--no-counterfactuals", "172.16.6.1:81"); strings.Contains(quiet.Stdout, "port-filtered") {
		t.Errorf("it was told to ask nothing:\n%s", quiet.Stdout)
	}
}
