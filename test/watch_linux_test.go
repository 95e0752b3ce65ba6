package test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/sallyport/sallyport/internal/testhost"
)

// watched is a probe --watch --output json under way.
type watched struct {
	t      testing.TB
	cmd    *exec.Cmd
	lines  chan watchLine // closed when its stdout ends
	schema *jsonschema.Schema
	stderr lockedBuffer
}

type watchLine struct {
	Type, Target, Name, Address, Source string
	Round, Port, Changes, Attempts      int
	Missed, Noise, Retries              int
	Before, After                       watchState
	Held                                float64 `json:"held_seconds"`
	Summary                             []struct {
		Name, Address, Source string
		Port, Changes         int
		Spans                 []struct {
			State   watchState
			Seconds float64
			Times   int
		}
	} `json:"held"`
}

type watchState struct {
	Verdict, Stage, Outcome, Service, Error string
	Addresses                               []string
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func watchSchema(t testing.TB) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "docs", "watch.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("watch.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("watch.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// watch starts a watch in a host; env is added to its environment.
func watch(t testing.TB, h *testhost.Host, under, env []string, args ...string) *watched {
	t.Helper()
	argv := append(append(append([]string{}, under...), build(t, "../cmd/sallyport-probe"), "--output", "json"), args...)
	w := &watched{t: t, cmd: exec.Command(argv[0], argv[1:]...), lines: make(chan watchLine, 10_000), schema: watchSchema(t)}
	w.cmd.Env = append(os.Environ(), env...)
	w.cmd.Stderr = &w.stderr
	out, err := w.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Start(w.cmd); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { // ends with the watch's stdout
		defer close(done)
		defer close(w.lines)
		in := bufio.NewScanner(out)
		in.Buffer(nil, 64<<20)
		for in.Scan() {
			var line watchLine
			if err := json.Unmarshal(in.Bytes(), &line); err != nil {
				t.Errorf("%v: %s", err, in.Bytes())
			}
			if v, err := jsonschema.UnmarshalJSON(bytes.NewReader(in.Bytes())); err != nil || w.schema.Validate(v) != nil {
				t.Errorf("%v %v: %s", err, w.schema.Validate(v), in.Bytes())
			}
			w.lines <- line
		}
	}()
	t.Cleanup(func() {
		_ = syscall.Kill(-w.cmd.Process.Pid, syscall.SIGKILL)
		<-done
		_ = w.cmd.Wait()
	})
	return w
}

// until returns the next line of a type.
func (w *watched) until(kind string) watchLine {
	w.t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case line, open := <-w.lines:
			switch {
			case !open:
				w.t.Fatalf("it ended without a %s\n%s", kind, w.stderr.String())
			case line.Type == kind:
				return line
			case line.Type == "change" || line.Type == "flapping" || line.Type == "settled":
				w.t.Fatalf("%+v, want a %s", line, kind)
			}
		case <-timeout:
			w.t.Fatalf("no %s came\n%s", kind, w.stderr.String())
		}
	}
}

// end interrupts it, and returns the summary and the exit status.
func (w *watched) end() (watchLine, int) {
	w.t.Helper()
	if err := w.cmd.Process.Signal(os.Interrupt); err != nil {
		w.t.Fatal(err)
	}
	line := w.until("summary")
	return line, w.status()
}

func (w *watched) status() int {
	w.t.Helper()
	for range w.lines {
		w.t.Error("something comes after the summary")
	}
	_ = w.cmd.Wait()
	return w.cmd.ProcessState.ExitCode()
}

const fast = "--rate=1000"

// TestWatchChanges has a firewall fall silent, and go away.
func TestWatchChanges(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 80, acceptor, "80", "81")
	w := watch(t, p.Client, nil, nil, "--watch", "400ms", fast, "--timeout", "300ms", "--sources", "none", server4+":80-82")
	states := map[int]string{}
	for range 3 {
		s := w.until("state")
		states[s.Port] = s.After.Outcome
	}
	if states[80] != "connected" || states[81] != "connected" || states[82] != "refused" {
		t.Errorf("%v", states)
	}
	w.until("round")
	p.Server.Filter("input", "tcp dport 81 drop")
	if c := w.until("change"); c.Port != 81 || c.Before.Outcome != "connected" || c.After.Outcome != "timed out" || c.After.Verdict != "denied" || c.Held <= 0 || c.Source != "no bind" {
		t.Errorf("%+v", c)
	}
	w.until("round")
	w.until("round")
	p.Server.NFT("delete table inet filter_input")
	if c := w.until("change"); c.Port != 81 || c.Before.Outcome != "timed out" || c.After.Outcome != "connected" || c.Held < 0.4 {
		t.Errorf("%+v", c)
	}
	sum, status := w.end()
	if status != 1 || sum.Changes < 2 || len(sum.Summary) != 3 {
		t.Errorf("status %d, %+v", status, sum)
	}
	if h := sum.Summary[0]; h.Port != 81 || h.Changes != 2 || len(h.Spans) != 2 || h.Spans[0].Times+h.Spans[1].Times != 3 {
		t.Errorf("%+v", h)
	}
}

// TestWatchNoise loses every other SYN of a quiet host: each round's first try is silence, and its second is not.
func TestWatchNoise(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 80, acceptor, "80")
	p.Server.NFT("table inet noise { chain input { type filter hook input priority filter; tcp dport 80 tcp flags syn numgen inc mod 2 == 0 drop; }; }")
	w := watch(t, p.Client, nil, nil, "--watch", "1s", fast, "--timeout", "300ms", "--sources", "none", "--count", "5", server4+":80")
	if s := w.until("state"); s.After.Outcome != "connected" {
		t.Errorf("%+v", s)
	}
	sum := w.until("summary")
	if status := w.status(); status != 0 || sum.Changes != 0 || sum.Retries < 4 || sum.Noise < 4 {
		t.Errorf("status %d, %+v", status, sum)
	}
}

// TestWatchFlaps has a server come and go with each round.
func TestWatchFlaps(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Need(t, "nft", "nftables")
	testhost.Python(p.Server, 80, acceptor, "80")
	p.Server.NFT("table inet flap { chain input { type filter hook input priority filter; tcp dport 80 tcp flags syn numgen inc mod 2 == 1 reject with tcp reset; }; }")
	w := watch(t, p.Client, nil, nil, "--watch", "100ms", fast, "--sources", "none", server4+":80")
	w.until("change")
	w.until("change")
	if f := w.until("flapping"); f.Changes != 3 {
		t.Errorf("%+v", f)
	}
	for range 10 {
		w.until("round")
	}
	p.Server.NFT("delete table inet flap")
	if s := w.until("settled"); s.Changes < 10 || s.After.Outcome != "connected" || s.Held <= 0 {
		t.Errorf("%+v", s)
	}
	w.end()
}

// TestWatchNames has a name get another address, which is then tried, and vanish.
func TestWatchNames(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Python(p.Server, 80, acceptor, "80")
	hosts := filepath.Join(t.TempDir(), "hosts")
	names := func(lines string) {
		if err := os.WriteFile(hosts, []byte(lines), 0o644); err != nil { // in place: it is mounted
			t.Fatal(err)
		}
	}
	names(server4 + " db.test\n")
	under := append(testhost.WithResolver(t, "nameserver 127.0.0.1", "options timeout:1 attempts:1"), testhost.Need(t, "unshare", "util-linux"), "--mount", "--propagation", "private", "sh", "-c", `mount --bind "$0" /etc/hosts && exec "$@"`, hosts)
	w := watch(t, p.Client, under, nil, "--watch", "500ms", fast, "--sources", "none", "db.test:80")
	if s := w.until("state"); s.Name != "db.test" || strings.Join(s.After.Addresses, " ") != server4 {
		t.Errorf("%+v", s)
	}
	w.until("round")
	names(server4 + " db.test\n172.16.6.2 db.test\n")
	if c := w.until("change"); c.Name != "db.test" || c.Address != "" || strings.Join(c.After.Addresses, " ") != server4+" 172.16.6.2" {
		t.Errorf("%+v", c)
	}
	if s := w.until("state"); s.Address != "172.16.6.2" || s.After.Outcome != "connected" {
		t.Errorf("%+v", s)
	}
	w.until("round")
	names("127.0.0.1 localhost\n")
	if c := w.until("change"); c.Name != "db.test" || c.After.Error == "" || c.After.Outcome != "name not found" {
		t.Errorf("%+v", c)
	}
	for range 4 { // it stays so, and is not told again
		w.until("round")
	}
	w.end()
}

// TestWatchSteady has rounds begin at steady times, whatever they take, and none of two at a time.
func TestWatchSteady(t *testing.T) {
	p := testhost.NewPair(t)
	p.Client.IP("neigh", "replace", "172.16.6.77", "lladdr", "02:00:00:00:00:77", "dev", "eth0", "nud", "permanent") // nobody's: silence
	w := watch(t, p.Client, nil, nil, "--watch", "250ms", fast, "--timeout", "100ms", "--sources", "none", "--count", "9", "172.16.6.77:80", "172.16.6.1:9")
	var begins []time.Time
	for line := range w.lines {
		if line.Type == "round" {
			begins = append(begins, time.Now())
		}
	}
	if status := w.cmd.Wait(); status != nil {
		t.Errorf("%v\n%s", status, w.stderr.String())
	}
	if len(begins) < 8 {
		t.Fatalf("%d rounds", len(begins))
	}
	if took := begins[7].Sub(begins[1]); took < 1400*time.Millisecond || took > 1700*time.Millisecond {
		t.Errorf("six rounds of 250 ms took %v", took)
	}
	slow := watch(t, p.Client, nil, nil, "--watch", "250ms", fast, "--timeout", "600ms", "--sources", "none", "--count", "4", "172.16.6.77:80")
	sum := slow.until("summary")
	slow.status()
	if sum.Missed < 6 || strings.Count(slow.stderr.String(), "longer than --watch 250ms") != 1 {
		t.Errorf("%+v\n%s", sum, slow.stderr.String())
	}
}

// TestWatchLong makes thousands of rounds, and looks what they leave.
func TestWatchLong(t *testing.T) {
	p := testhost.NewPair(t)
	testhost.Python(p.Client, 80, acceptor, "80", "81", "82")
	w := watch(t, p.Client, nil, nil, "--watch", "2ms", "--rate=0", "--sources", "none", "127.0.0.1:80-85")
	count := func() (fds, threads, kib int) {
		pid := w.cmd.Process.Pid
		list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
		if err != nil {
			t.Fatal(err)
		}
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(status)) {
			_, _ = fmt.Sscanf(line, "Threads: %d", &threads)
			_, _ = fmt.Sscanf(line, "RssAnon: %d", &kib)
		}
		return len(list), threads, kib
	}
	rounds := func(n int) {
		for range n {
			w.until("round")
		}
	}
	rounds(500)
	fds, _, kib := count()
	rounds(2500)
	fds2, threads, kib2 := count()
	t.Logf("after 500 rounds: %d descriptors, %d KiB; after 3000: %d, %d KiB, %d threads", fds, kib, fds2, kib2, threads)
	if fds2 > fds+8 || kib2 > kib+4096 || threads > 64 {
		t.Errorf("after 500 rounds: %d descriptors, %d KiB; after 3000: %d, %d KiB, %d threads", fds, kib, fds2, kib2, threads)
	}
	w.end()
}
