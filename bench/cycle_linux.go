package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// cycleBudget is what a socket/connect/close cycle may take over a bare one, in microseconds.
const cycleBudget = 8

// slowly is how many times fewer cycles a tracer by ptrace makes.
const slowly = 20

// discard is where connected UDP sockets lead. Nothing is sent.
const discard = 9

// cycle measures connected-UDP cycles: what watching a socket call costs.
func (b *bench) cycle() (Table, error) {
	udp := func(under []string, count int) func() (sample, error) {
		return func() (sample, error) { return b.latency(under, "cycle", udpConnect, count, discard) }
	}
	series, err := b.interleave(b.rounds, []contender{
		{"bare", "", udp(nil, b.cycles)},
		{"run", "bare", udp(b.run(), b.cycles)},
		{"run --profile connect-only-landlock", "bare", udp(b.run("--profile", "connect-only-landlock"), b.cycles)},
		{"run --without-bind", "bare", udp(b.run("--without-bind"), b.cycles)},
		{"run --inject", "bare", udp(b.run("--inject"), b.cycles)},
		{"strace --seccomp-bpf", "bare", udp(strace, b.cycles/slowly)},
	})
	t := Table{
		What: "one socket/connect/close cycle of a connected UDP socket",
		Unit: "us", Beside: perCycle, Base: "bare", Series: series,
	}
	t.judge("run over bare", "us", cycleBudget, t.find("run").over(t.find("bare")))
	return t, err
}

// calls measures other calls beside bare ones. No budget is set for them.
func (b *bench) calls() (Table, error) {
	t := Table{What: "one cycle of other calls", Unit: "us", Beside: perCycle, Base: "bare"}
	refusing, err := bound(unix.SOCK_STREAM)
	if err != nil {
		return t, err
	}
	defer refusing.close()
	sink, err := bound(unix.SOCK_DGRAM)
	if err != nil {
		return t, err
	}
	defer sink.close()
	var contenders []contender
	for _, k := range []struct {
		name, kind string
		port       int
		flags      []string
	}{
		{"TCP, refused", tcpRefused, refusing.port, nil},
		{"TCP, connected", tcpConnected, 0, nil},
		{"TCP, bound and connected", tcpBound, 0, nil},
		{"TCP, bound and connected", tcpBound, 0, []string{"--without-bind"}},
		{"UDP, sendto with a name", udpSend, sink.port, nil},
	} {
		at := func(under []string) func() (sample, error) {
			return func() (sample, error) { return b.latency(under, "cycle", k.kind, b.cycles/2, k.port) }
		}
		bare, name := k.name+": bare", k.name+": run"
		for _, f := range k.flags {
			name += " " + f
		}
		if k.flags == nil {
			contenders = append(contenders, contender{bare, "", at(nil)})
		}
		contenders = append(contenders, contender{name, bare, at(b.run(k.flags...))})
	}
	t.Series, err = b.interleave(b.rounds, contenders)
	return t, err
}

// events measures what it costs to write each step to a file as it happens.
func (b *bench) events() (Table, error) {
	t := Table{What: "the same UDP cycle, each step written as it happens", Unit: "us", Beside: perCycle, Base: "run"}
	dir, err := os.MkdirTemp("", "sallyport-bench-")
	if err != nil {
		return t, err
	}
	defer os.RemoveAll(dir)
	udp := func(under []string) func() (sample, error) {
		return func() (sample, error) { return b.latency(under, "cycle", udpConnect, b.cycles, discard) }
	}
	t.Series, err = b.interleave(b.rounds, []contender{
		{"bare", "", udp(nil)},
		{"run", "", udp(b.run())},
		{"run --events /dev/null", "run", udp(b.run("--events", os.DevNull))},
		{"run --events FILE", "run", udp(b.run("--events", dir+"/events"))},
	})
	return t, err
}
