package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
)

// bytesBudget is how many times as fast a bare transfer may be. Nothing of the data path is sallyport's, so the truth is
// 1.00: the rest is what a median of a few seconds on a busy machine with two processors varies by.
const bytesBudget = 1.05

// bytes measures what a TCP connection carries once it is there, by iperf3.
func (b *bench) bytes() (Table, error) {
	t := Table{What: "bytes after connect, iperf3 over loopback", Unit: "Gbit/s", Base: "bare", ratiosOnly: true}
	port, stop, err := iperfServer()
	var why unavailable
	if errors.As(err, &why) {
		t.Series = []Series{{Name: "bare", Skipped: string(why)}, {Name: "run", Skipped: string(why)}}
		return t, nil
	}
	if err != nil {
		return t, err
	}
	defer stop()
	proxychains, stopProxy, err := proxychains()
	if err != nil {
		return t, err
	}
	defer stopProxy()
	client := func(under []string) func() (sample, error) {
		argv := append(append([]string(nil), under...), "iperf3", "-J", "-c", "127.0.0.1", "-p", strconv.Itoa(port))
		argv = append(argv, b.transfer...)
		return func() (sample, error) { return transfer(argv) }
	}
	t.Series, err = b.interleave(b.rounds, []contender{
		{"bare", "", client(nil)},
		{"run", "bare", client(b.run())},
		{"proxychains4", "bare", client(proxychains)},
	})
	bare, run := t.find("bare"), t.find("run")
	t.judge("bare against run", "x", bytesBudget, bare.times(run))
	return t, err
}

// transfer runs an iperf3 client and is the rate at which its server received.
func transfer(argv []string) (sample, error) {
	out, err := output(argv)
	if err != nil {
		return sample{}, err
	}
	var doc struct {
		Error string
		End   struct {
			SumReceived struct {
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		}
	}
	// proxychains4 writes lines of its own before the document.
	if i := strings.IndexByte(string(out), '{'); i > 0 {
		out = out[i:]
	}
	if err := json.Unmarshal(out, &doc); err != nil {
		return sample{}, fmt.Errorf("read iperf3's answer: %w", err)
	}
	if doc.Error != "" {
		return sample{}, fmt.Errorf("iperf3: %s", doc.Error)
	}
	return sample{value: doc.End.SumReceived.BitsPerSecond / 1e9}, nil
}

// iperfServer starts a server on loopback; stop ends it.
func iperfServer() (port int, stop func(), err error) {
	if _, err := exec.LookPath("iperf3"); err != nil {
		return 0, nil, unavailable("iperf3 is not installed")
	}
	p, err := reserve()
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, "iperf3", "-s", "-B", "127.0.0.1", "-p", strconv.Itoa(p), "--forceflush")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		return 0, nil, err
	}
	stop = func() { cancel(); _ = cmd.Wait() }
	r := bufio.NewReader(out)
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			stop()
			return 0, nil, fmt.Errorf("the iperf3 server ended before it listened: %w", err)
		}
		if strings.HasPrefix(line, "Server listening") {
			break
		}
	}
	go func() { _, _ = io.Copy(io.Discard, r) }() // ends when the server does
	return p, stop, nil
}

// reserve is a port on loopback that was free a moment ago.
func reserve() (int, error) {
	fd, port, err := listen(1)
	if err != nil {
		return 0, err
	}
	return port, os.NewFile(uintptr(fd), "listener").Close()
}

// proxychains is the command line that sends a program's connections through a SOCKS server of our own; stop ends it.
func proxychains() (under []string, stop func(), err error) {
	port, stopProxy, err := socks()
	if err != nil {
		return nil, nil, err
	}
	f, err := os.CreateTemp("", "sallyport-bench-proxychains-")
	if err != nil {
		stopProxy()
		return nil, nil, err
	}
	stop = func() { stopProxy(); os.Remove(f.Name()) }
	_, err = fmt.Fprintf(f, "strict_chain\n[ProxyList]\nsocks5 127.0.0.1 %d\n", port)
	if err := errors.Join(err, f.Close()); err != nil {
		stop()
		return nil, nil, err
	}
	return []string{"proxychains4", "-q", "-f", f.Name()}, stop, nil
}
