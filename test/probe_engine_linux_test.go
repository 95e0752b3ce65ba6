package test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/sallyport/sallyport/internal/testhost"
)

// listenAll listens on each port that it is given, and accepts: one thread for them all.
const listenAll = `
import selectors, socket, sys
s = selectors.DefaultSelector()
for p in sys.argv[1:]:
    l = socket.create_server(("0.0.0.0", int(p)), backlog=64)
    l.setblocking(False)
    s.register(l, selectors.EVENT_READ)
kept = []
while True:
    for k, _ in s.select():
        kept.append(k.fileobj.accept()[0])
`

// answersAlways lets each refusal of a host's be sent, whatever their number.
func answersAlways(h *testhost.Host) {
	h.Sysctl("net.ipv4.icmp_ratelimit", "0")
	h.Sysctl("net.ipv4.icmp_msgs_per_sec", "100000")
	h.Sysctl("net.ipv4.icmp_msgs_burst", "100000")
}

func elements(ports []int) string {
	return "{ " + strings.Trim(strings.ReplaceAll(fmt.Sprint(ports), " ", ", "), "[]") + " }"
}

// TestProbeEveryPort tries all ports of a host as fast as it goes, and has the right answer for each.
func TestProbeEveryPort(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	answersAlways(p.Server)
	order := rand.New(rand.NewPCG(7, 7)).Perm(65535)
	of := map[string][]int{}
	want := make([]string, 65536)
	for i, port := range order {
		port++
		end := "inconclusive refused ECONNREFUSED far end"
		switch {
		case i < 150:
			of["open"] = append(of["open"], port)
			end = "allowed connected"
		case i < 1000:
			of["drop"] = append(of["drop"], port)
			end = "denied timed out  on the way"
		case i < 2000:
			of["reset"] = append(of["reset"], port)
		case i < 3000:
			of["prohibited"] = append(of["prohibited"], port)
			end = "denied unreachable EHOSTUNREACH far end"
		}
		want[port] = end
	}
	var argv []string
	for _, port := range of["open"] {
		argv = append(argv, fmt.Sprint(port))
	}
	testhost.Python(p.Server, uint16(of["open"][0]), listenAll, argv...)
	p.Server.Filter("input", "tcp dport "+elements(of["drop"])+" drop", "tcp dport "+elements(of["reset"])+" reject with tcp reset",
		"tcp dport "+elements(of["prohibited"])+" reject with icmpx type admin-prohibited")
	cells := probeIn(t, p.Client, sallyport(t), "probe", "--output", "json", "--rate", "0", "--timeout", "2s", "172.16.6.1:1-65535").cells()
	wrong := 0
	for port := 1; port <= 65535; port++ {
		if got := cells[fmt.Sprintf("172.16.6.1 %d tcp no bind", port)]; got != want[port] {
			if wrong++; wrong < 20 {
				t.Errorf("port %d: %q, want %q", port, got, want[port])
			}
		}
	}
	if len(cells) != 65535 || wrong > 0 {
		t.Errorf("%d cells, %d wrong", len(cells), wrong)
	}
}

// TestProbeLoss loses each fifth packet both ways: no answer may be missed for that, with timeouts below the kernel's first repetition too, and what is
// dropped is told from what is lost.
func TestProbeLoss(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 80, listenAll, "80", "81", "82")
	p.Server.Filter("input", "tcp dport 90 drop", "iif eth0 meta l4proto tcp numgen random mod 100 < 20 drop")
	p.Client.Filter("input", "iif eth0 meta l4proto tcp numgen random mod 100 < 20 drop")
	for _, c := range []struct {
		timeout string
		ports   string
		args    []string
	}{
		{"600ms", "70-1069", []string{"--rate", "0"}},
		{"3s", "70-569", []string{"--rate", "0"}},
		{"3s", "70-99", nil},
	} {
		got := p.Client.Run(probeTimeout, "", append(append([]string{sallyport(t), "probe", "--output", "json", "--timeout", c.timeout}, c.args...), "172.16.6.1:"+c.ports)...)
		var doc probeDoc
		if err := json.Unmarshal([]byte(got.Stdout), &doc); err != nil {
			t.Fatalf("%v\n%s%s", err, got.Stdout, got.Stderr)
		}
		if !strings.Contains(got.Stderr, "the network loses packets") {
			t.Errorf("%s %s: nothing is said of it:\n%s", c.timeout, c.ports, got.Stderr)
		}
		for cell, end := range doc.cells() {
			switch {
			case strings.HasPrefix(cell, "172.16.6.1 90 "):
				if !strings.Contains(end, "timed out") {
					t.Errorf("%s: %s: %s", c.timeout, cell, end)
				}
			case strings.HasPrefix(cell, "172.16.6.1 80 "), strings.HasPrefix(cell, "172.16.6.1 81 "), strings.HasPrefix(cell, "172.16.6.1 82 "):
				if !strings.HasPrefix(end, "allowed") {
					t.Errorf("%s: %s: %s", c.timeout, cell, end)
				}
			case !strings.Contains(end, "refused"):
				t.Errorf("%s: %s: %s", c.timeout, cell, end)
			}
		}
	}
}

// TestProbeShortage gives the probe few local ports, and few descriptors: its answers are the same.
func TestProbeShortage(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Python(p.Server, 80, listenAll, "80", "81")
	argv := []string{sallyport(t), "probe", "--output", "json", "--rate", "0", "--sources", "all", "--timeout", "1s", "172.16.6.1:80-140"}
	want := probeIn(t, p.Client, argv...).cells()
	few := probeIn(t, p.Client, append([]string{testhost.Need(t, "prlimit", "util-linux"), "--nofile=100"}, argv...)...).cells()
	p.Client.Sysctl("net.ipv4.ip_local_port_range", "40000 40039")
	ports := probeIn(t, p.Client, argv...).cells()
	if len(want) < 61*8 {
		t.Errorf("%d cells", len(want))
	}
	for cell, end := range want {
		if few[cell] != end {
			t.Errorf("few descriptors: %s: %q, want %q", cell, few[cell], end)
		}
		if ports[cell] != end && !strings.HasSuffix(cell, " a fixed port") { // others may have it, where there are so few
			t.Errorf("few ports: %s: %q, want %q", cell, ports[cell], end)
		}
	}
}

// TestProbeConntrack fills the table of connections: attempts go on, slowly, and the reason is said.
func TestProbeConntrack(t *testing.T) {
	p := testhost.NewPair(t)
	p.Client.FillConntrack()
	begin := time.Now()
	got := p.Client.Run(probeTimeout, "", sallyport(t), "probe", "--rate", "0", "--timeout", "500ms", "172.16.6.1:1-30")
	if took := time.Since(begin); took < 2*time.Second {
		t.Errorf("30 attempts took %v", took)
	}
	if !strings.Contains(got.Stderr, "connection tracking has room for") {
		t.Errorf("nothing is said of it:\n%s", got.Stderr)
	}
}

// TestProbeInterrupted ends at once with what it has, also while it waits for standard input.
func TestProbeInterrupted(t *testing.T) {
	p := testhost.NewPair(t)
	p.Server.Filter("input", "tcp dport 100-60000 drop")
	for name, args := range map[string][]string{
		"silence":        {"--rate", "0", "172.16.6.1:1-65535", "172.16.6.2:1-65535"},
		"gentle":         {"172.16.6.1:1-1000"},
		"standard input": {"--targets", "-", "172.16.6.1:1-20"},
	} {
		t.Run(name, func(t *testing.T) {
			in, keep, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			defer keep.Close()
			cmd := exec.Command(sallyport(t), append([]string{"probe", "--output", "json"}, args...)...)
			var out, errs bytes.Buffer
			cmd.Stdin, cmd.Stdout, cmd.Stderr = in, &out, &errs
			if err := p.Client.Start(cmd); err != nil {
				t.Fatal(err)
			}
			time.Sleep(1500 * time.Millisecond) // into the middle of it
			begin := time.Now()
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			err = cmd.Wait()
			if took := time.Since(begin); took > time.Second {
				t.Errorf("took %v to end", took)
			}
			var doc probeDoc
			if bad := json.Unmarshal(out.Bytes(), &doc); bad != nil || cmd.ProcessState.ExitCode() != 1 {
				t.Fatalf("%v, %v\n%s%s", err, bad, out.String(), errs.String())
			}
			if doc.Attempts < 20 || !strings.Contains(errs.String(), "interrupted: what follows is what it has") {
				t.Errorf("%d attempts\n%s", doc.Attempts, errs.String())
			}
		})
	}
}
