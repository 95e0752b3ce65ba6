package test

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/sallyport/sallyport/internal/testhost"
)

// silentHosts are addresses on the cable that nobody has, and that are not asked for: silence.
func silentHosts(t *testing.T, p *testhost.Pair, n int) []string {
	t.Helper()
	var list []string
	for i := range n {
		addr := fmt.Sprintf("172.16.6.%d", 200+i)
		p.Client.IP("neigh", "replace", addr, "lladdr", "02:00:00:00:00:77", "dev", "eth0", "nud", "permanent")
		list = append(list, addr)
	}
	return list
}

// screen is what a terminal shows of a text: a carriage return goes back, and EL erases to the end.
func screen(text string) string {
	var out []string
	for line := range strings.SplitSeq(text, "\n") {
		shown := ""
		for part := range strings.SplitSeq(strings.TrimSuffix(line, "\r"), "\r") {
			if rest, erased := strings.CutPrefix(part, "\x1b[K"); erased {
				shown, part = "", rest
			}
			if len(part) < len(shown) {
				part += shown[len(part):]
			}
			shown = part
		}
		out = append(out, shown)
	}
	return regexp.MustCompile("\x1b\\[[0-9;]*m").ReplaceAllString(strings.Join(out, "\n"), "")
}

func TestProgress(t *testing.T) {
	p := testhost.NewPair(t)
	hosts := silentHosts(t, p, 3)
	argv := append(p.Client.Enter(), build(t, "../cmd/sallyport-probe"), "--sources", "none", "--path", "none", "--timeout", "1s", server4+":9")
	for i, h := range hosts { // the first is done long before the last
		argv = append(argv, fmt.Sprintf("%s:1-%d", h, 4+6*i))
	}
	term := startPTY(t, "NO_COLOR=1", argv...)
	term.expect(`\d+ of 31 attempts, \d+/s; (?:\d+ denied, )?1 inconclusive; 3 hosts, \d+ s left`)
	term.expect(`  172\.16\.6\.200 tcp: 4 denied\r\n`)
	if ws := term.wait(); ws.ExitStatus() != 0 {
		t.Errorf("status %d", ws.ExitStatus())
	}
	shown := screen(term.output())
	if strings.Contains(shown, "attempts, ") || strings.Contains(shown, " left") || !strings.Contains(shown, "1-16   ") || !strings.Contains(shown, "\n  172.16.6.1 tcp: 1 inconclusive\n") {
		t.Errorf("the terminal shows\n%s", shown)
	}
	for i, line := range strings.Split(shown, "\n") {
		if len(line) > 80 && strings.Contains(line, "denied") {
			t.Errorf("line %d is too long: %s", i, line)
		}
	}
	for _, redraw := range regexp.MustCompile("\r\x1b\\[K([^\r\n]*)").FindAllStringSubmatch(term.output(), -1) {
		if len(redraw[1]) > 79 && !strings.Contains(redraw[1], "no bind") {
			t.Errorf("%d columns: %q", len(redraw[1]), redraw[1])
		}
	}
}

// TestProgressNone has nothing be shown where nobody looks, where the terminal cannot erase, and where the work is short.
func TestProgressNone(t *testing.T) {
	p := testhost.NewPair(t)
	host := silentHosts(t, p, 1)[0]
	probe := build(t, "../cmd/sallyport-probe")
	slow := []string{probe, "--sources", "none", "--timeout", "1500ms", host + ":1-10"}
	none := func(name, text string) {
		if strings.Contains(text, "\x1b") || strings.Contains(text, "attempts, ") || strings.Contains(text, "trying each") {
			t.Errorf("%s: %q", name, text)
		}
	}
	got := p.Client.Run(probeTimeout, "", slow...)
	none("a pipe", got.Stdout+got.Stderr)
	file := filepath.Join(t.TempDir(), "stderr")
	term := startPTY(t, "NO_COLOR=1", append(append(p.Client.Enter(), "sh", "-c", `exec "$@" 2>"$0"`, file), slow...)...)
	term.wait()
	data, err := os.ReadFile(file)
	if err != nil || len(data) > 0 {
		t.Errorf("stderr is a file: %q %v", data, err)
	}
	none("stdout is a terminal", term.output())
	term = startPTY(t, "TERM=dumb", append(p.Client.Enter(), slow...)...)
	term.wait()
	none("TERM=dumb", term.output())
}

// TestProbeInterruptedOnTerminal interrupts a slow run in the middle: what it has is shown, and the status is 1.
func TestProbeInterruptedOnTerminal(t *testing.T) {
	p := testhost.NewPair(t)
	hosts := silentHosts(t, p, 1)
	argv := append(p.Client.Enter(), build(t, "../cmd/sallyport-probe"), "--sources", "none", "--path", "none", "--timeout", "1s", server4+":9", hosts[0]+":1-1000")
	term := startPTY(t, "NO_COLOR=1", argv...)
	term.expect(`\d+ of 1,001 attempts`)
	term.expect(`[1-9]\d* denied`)
	term.types("\x03")
	if ws := term.wait(); ws.Signaled() || ws.ExitStatus() != 1 {
		t.Errorf("status %v", ws)
	}
	shown := screen(term.output())
	for _, want := range []string{"sallyport: interrupted: what follows is what it has\n", "172.16.6.1 tcp\n", "silence for 1 s"} {
		if !strings.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, shown)
		}
	}
	if strings.Contains(shown, "attempts, ") {
		t.Errorf("the line is still there:\n%s", shown)
	}
}

// TestWatchTerminal is a watch as a person has it.
func TestWatchTerminal(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 80, acceptor, "80")
	argv := append(p.Client.Enter(), build(t, "../cmd/sallyport-probe"), "--timeout", "500ms", "--watch", "1s", fast, "--sources", "none", server4+":80")
	term := startPTY(t, "NO_COLOR=1", argv...)
	term.expect(`80 +allowed +connected`)
	term.expect(`What changes, by a round every 1 s \(Ctrl-C ends it\)\r\n`)
	term.expect(`round \d+: 1 watched, no change so far; the next at \d\d:\d\d:\d\d`)
	p.Server.Filter("input", "tcp dport 80 drop")
	term.expect(`\d\d:\d\d:\d\d 172\.16\.6\.1 tcp 80: connected -> silence, after [\d.]+ m?s\r\n`)
	p.Server.NFT("delete table inet filter_input")
	term.expect(`\d\d:\d\d:\d\d 172\.16\.6\.1 tcp 80: silence -> connected, after [\d.]+ m?s\r\n`)
	term.types("\x03")
	term.expect(`Watched for [\d.]+ m?s: \d+ rounds, \d+ attempts, 2 changes\r\n`)
	term.expect(`172\.16\.6\.1 tcp 80: (?:connected|silence) for [\d.]+ m?s \([\d.]+%\); (?:connected|silence) for [\d.]+ m?s`)
	if ws := term.wait(); ws.Signaled() || ws.ExitStatus() != 1 {
		t.Errorf("status %v", ws)
	}
	shown := screen(term.output())
	if strings.Contains(shown, "watched, ") {
		t.Errorf("a line was left:\n%s", shown)
	}
	t.Logf("\n%s", shown)
}

// TestWatchHangup has SIGHUP end a watch as it ends any program.
func TestWatchHangup(t *testing.T) {
	p := testhost.NewPair(t)
	w := watch(t, p.Client, nil, nil, "--watch", "1s", fast, "--sources", "none", server4+":9")
	w.until("round")
	if err := w.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	for range w.lines {
	}
	_ = w.cmd.Wait()
	if ws, ok := w.cmd.ProcessState.Sys().(syscall.WaitStatus); !ok || ws.Signal() != syscall.SIGHUP {
		t.Errorf("%v", w.cmd.ProcessState)
	}
}
