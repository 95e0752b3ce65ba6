package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

const probeTimeout = 2 * time.Minute

// probeDoc is what the tests read of docs/probe.schema.json.
type probeDoc struct {
	Attempts int
	Local    []struct {
		Source, Family string
		TCP, UDP       probeEnd
	}
	Rows []struct {
		Target, Address, Protocol, Source string
		Ends                              []struct {
			Ports [][2]int
			probeEnd
			Answer *struct{ Service, Version string }
		}
	}
	Differences []struct {
		Address, Source, Declared, Reason string
		Ports                             [][2]int
	}
}

type probeEnd struct{ Verdict, Stage, Outcome, Errno, Layer string }

// cells is "address port protocol source: verdict outcome errno layer" for each port.
func (d *probeDoc) cells() map[string]string {
	out := map[string]string{}
	for _, r := range d.Rows {
		for _, e := range r.Ends {
			for _, p := range e.Ports {
				for port := p[0]; port <= p[1]; port++ {
					out[fmt.Sprintf("%s %d %s %s", r.Address, port, r.Protocol, r.Source)] = strings.TrimSpace(fmt.Sprintf("%s %s %s %s", e.Verdict, e.Outcome, e.Errno, e.Layer))
				}
			}
		}
	}
	return out
}

func probeIn(t *testing.T, h *testhost.Host, argv ...string) *probeDoc {
	t.Helper()
	got := h.Run(probeTimeout, "", argv...)
	if got.Status != 0 {
		t.Fatalf("%v: status %d\n%s%s", argv, got.Status, got.Stdout, got.Stderr)
	}
	var doc probeDoc
	if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
		t.Fatalf("%v\n%s%s", err, got.Stdout, got.Stderr)
	}
	return &doc
}

// acceptor accepts on every port that it is given, by both families, and says nothing.
const acceptor = `
import socket, sys, threading
def serve(p):
    s = socket.socket(socket.AF_INET6)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(("::", p))
    s.listen(64)
    while True: s.accept()
for p in sys.argv[1:]: threading.Thread(target=serve, args=(int(p),)).start()
`

// filtered is a pair with each way in which a network answers, or does not.
func filtered(t *testing.T) *testhost.Pair {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 80, acceptor, "80", "81", "83", "84", "85", "86")
	p.Server.Filter("input", "tcp dport 81 drop", "tcp dport 82 reject with tcp reset", "tcp dport 83 reject with icmpx type admin-prohibited", "tcp dport 84 reject with icmpx type host-unreachable")
	p.Client.Filter("output", "ip saddr 172.16.6.171 tcp dport 86 drop")
	return p
}

func TestProbeOutcomes(t *testing.T) {
	p := filtered(t)
	doc := probeIn(t, p.Client, sallyport(t), "probe", "--output", "json", "--timeout", "2s", "172.16.6.1:79-86", "[fd00:6::1]:80,81", "172.16.6.1:86", "172.16.6.1:80")
	cells := doc.cells()
	for cell, want := range map[string]string{
		"172.16.6.1 79 tcp no bind":                          "inconclusive refused ECONNREFUSED far end",
		"172.16.6.1 80 tcp no bind":                          "allowed connected",
		"172.16.6.1 81 tcp no bind":                          "denied timed out  on the way",
		"172.16.6.1 82 tcp no bind":                          "inconclusive refused ECONNREFUSED far end",
		"172.16.6.1 83 tcp no bind":                          "denied unreachable EHOSTUNREACH far end",
		"172.16.6.1 84 tcp no bind":                          "denied unreachable EHOSTUNREACH far end",
		"172.16.6.1 86 tcp 172.16.6.171":                     "denied timed out  on the way",
		"172.16.6.1 86 tcp no bind":                          "allowed connected",
		"172.16.6.1 80 tcp any address":                      "allowed connected",
		"172.16.6.1 80 tcp 172.16.6.171, port at connect":    "allowed connected",
		"172.16.6.1 80 tcp not a local address, 192.0.2.254": "denied failed EADDRNOTAVAIL local call",
		"172.16.6.1 80 tcp a fixed port":                     "allowed connected",
		"172.16.6.1 80 tcp a port below 1024":                "allowed connected",
		"172.16.6.1 80 tcp device eth0":                      "allowed connected",
		"fd00:6::1 80 tcp no bind":                           "allowed connected",
		"fd00:6::1 81 tcp no bind":                           "denied timed out  on the way",
	} {
		if got := cells[cell]; got != want {
			t.Errorf("%s: %q, want %q", cell, got, want)
		}
	}
}

// TestProbeRecreates measures a place, and measures again in one that has no filter, under the profile that came of the first.
func TestProbeRecreates(t *testing.T) {
	targets := []string{"172.16.6.1:79-84", "172.16.6.1:86", "[fd00:6::1]:80-82"}
	p := filtered(t)
	measure := func(h *testhost.Host, output string, under ...string) string {
		argv := append(append(under, sallyport(t), "probe", "--output", output, "--timeout", "2s"), targets...)
		got := h.Run(probeTimeout, "", argv...)
		if got.Status != 0 {
			t.Fatalf("status %d\n%s%s", got.Status, got.Stdout, got.Stderr)
		}
		return got.Stdout
	}
	observed := filepath.Join(t.TempDir(), "observed.yaml")
	if err := os.WriteFile(observed, []byte(measure(p.Client, "yaml")), 0o644); err != nil {
		t.Fatal(err)
	}
	first := probeIn(t, p.Client, append([]string{sallyport(t), "probe", "--output", "json", "--timeout", "2s"}, targets...)...).cells()
	q := testhost.NewPair(t)
	testhost.Python(q.Server, 80, acceptor, "79", "80", "81", "82", "83", "84", "86")
	again := probeIn(t, q.Client, append([]string{
		sallyport(t), "run", "--profile", observed, "--report", filepath.Join(t.TempDir(), "report"), "--", sallyport(t), "probe", "--output", "json", "--timeout", "2s",
	}, targets...)...).cells()
	if len(first) < 20 {
		t.Errorf("only %d cells", len(first))
	}
	for cell, want := range first {
		if got := again[cell]; verdictsOf(got) != verdictsOf(want) {
			t.Errorf("%s: first %q, then %q", cell, want, got)
		}
	}
}

// verdictsOf is a cell without its layer: a supervisor denies nearer than a network.
func verdictsOf(cell string) string {
	for _, l := range []string{"local call", "local route", "local firewall", "on the way", "far end"} {
		cell = strings.TrimSpace(strings.TrimSuffix(cell, l))
	}
	return cell
}

// TestProbeTheCase has the probe find by itself what the case took hours for.
func TestProbeTheCase(t *testing.T) {
	p := testhost.NewPair(t)
	p.Client.Sysctl("net.ipv4.conf.all.route_localnet", "1")
	testhost.InspIRCd(p.Server)
	p.Client.IP("addr", "add", "127.6.26.1/32", "dev", "lo")
	argv := []string{sallyport(t), "run", "--profile", "openshift-v2-gear", "--report", filepath.Join(t.TempDir(), "report"), "--", sallyport(t), "probe", "--timeout", "3s"}
	doc := probeIn(t, p.Client, append(argv, "--output", "json", "irc://172.16.6.1:8001")...)
	cells := doc.cells()
	for cell, want := range map[string]string{
		"172.16.6.1 8001 tcp no bind":     "allowed connected",
		"172.16.6.1 8001 tcp any address": "denied denied EACCES local call",
		"172.16.6.1 8001 tcp 127.6.26.1":  "denied timed out ETIMEDOUT on the way", // the profile's rule says when
	} {
		if cells[cell] != want {
			t.Errorf("%s: %q, want %q", cell, cells[cell], want)
		}
	}
	got := p.Client.Run(probeTimeout, "", append(argv, "--output", "yaml", "irc://172.16.6.1:8001")...)
	if got.Status != 0 {
		t.Fatal(got.Stderr)
	}
	observed := filepath.Join(t.TempDir(), "observed.yaml")
	if err := os.WriteFile(observed, []byte(got.Stdout), 0o644); err != nil {
		t.Fatal(err)
	}
	sheet := p.Client.Run(probeTimeout, "", sallyport(t), "sheet", observed)
	for _, want := range []string{"any address                   bind fails with EACCES", "no bind                       the kernel chooses the source"} {
		if !strings.Contains(sheet.Stdout, want) {
			t.Errorf("the sheet does not say %q:\n%s", want, sheet.Stdout)
		}
	}
}
