package probing

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/sallyport/sallyport/internal/cli/shell"
	"github.com/sallyport/sallyport/probe/measure"
	"github.com/sallyport/sallyport/probe/reflect"
)

const reflectAbout = `Answers sallyport probe from the other end: which address and port a connection came from, which it reached, whether its bytes came intact,
which names it asked for. Run it on a host of your own outside, and probe reflect://HOST there from inside. Only who has the token gets an answer; without
one in --token-file or SALLYPORT_REFLECT_TOKEN it makes one, and prints what to type at the other end.`

// reflectPort is where it listens unless told otherwise.
const reflectPort = 7531

// tokenVariable is the environment variable of the token: arguments can be read by every user of a host.
const tokenVariable = "SALLYPORT_REFLECT_TOKEN"

// list is a flag that may be given several times.
type list []string

func (l *list) String() string     { return strings.Join(*l, " ") }
func (l *list) Set(s string) error { *l = append(*l, s); return nil }

func runReflect(args []string, _ io.Reader, stdout, stderr io.Writer) int {
	var listen, all list
	var except, tokenFile string
	var verbose bool
	var limits reflect.Limits
	fs := shell.NewFlags("reflect", "[FLAGS]", reflectAbout, stderr)
	fs.Var(&listen, "listen", "an `ADDR:PORT` to answer on, by TCP and UDP; :PORT is every address; may be given several times (default :"+strconv.Itoa(reflectPort)+")")
	fs.Var(&all, "all-ports", "an `ADDR` of this host whose 65,535 ports are all answered, but those that other programs have; takes CAP_NET_ADMIN; may be given several times")
	fs.StringVar(&except, "except", "", "`PORTS` that --all-ports leaves alone: 22,8000-8099")
	fs.StringVar(&tokenFile, "token-file", "", "a `FILE` with the token")
	fs.BoolVar(&verbose, "verbose", false, "write a line to standard error for each request that proved the token")
	fs.IntVar(&limits.Connections, "max-connections", 2048, "connections at a time")
	fs.IntVar(&limits.PerSource, "max-per-source", 1024, "connections at a time from one IPv4 address, or one IPv6 network of 64 bits")
	fs.IntVar(&limits.Datagrams, "udp-rate", 1000, "datagrams answered a second, for one such source")
	if status, done := shell.Parse(fs, args, stdout); done {
		return status
	}
	usage := func(err error) int {
		shell.Problem(stderr, "%v", err)
		return shell.Usage
	}
	if fs.NArg() > 0 {
		return usage(fmt.Errorf("%q is no flag: want --listen ADDR:PORT or --all-ports ADDR", fs.Arg(0)))
	}
	if limits.Connections < 1 || limits.PerSource < 1 || limits.Datagrams < 1 {
		return usage(errors.New("--max-connections, --max-per-source and --udp-rate want numbers from 1"))
	}
	c, err := reflectConfig(listen, all, except)
	if err != nil {
		return usage(err)
	}
	c.Limits = limits
	text, made := "", false
	if c.Token, text, err = readToken(tokenFile); err != nil {
		return usage(err)
	}
	if made = c.Token == nil; made {
		text = reflect.NewToken()
		if c.Token, err = reflect.ParseToken(text); err != nil {
			return usage(err)
		}
	}
	if verbose {
		var mu sync.Mutex
		c.Log = func(s *reflect.Seen) {
			mu.Lock()
			defer mu.Unlock()
			fmt.Fprintln(stderr, seenLine(s, time.Now()))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := reflect.Listen(*c)
	if err != nil {
		shell.Problem(stderr, "%v", err)
		return shell.Failed
	}
	announce(stdout, s, c.AllPorts, text, made, tokenFile)
	stats := s.Serve(ctx)
	shell.Problem(stderr, "%s", statsLine(&stats))
	return shell.OK
}

// reflectConfig reads the flags that say where to listen.
func reflectConfig(listen, all list, except string) (*reflect.Config, error) {
	c := &reflect.Config{}
	if len(listen) == 0 && len(all) == 0 {
		listen = list{":" + strconv.Itoa(reflectPort)}
	}
	for _, text := range listen {
		host, port, found := cutPort(text)
		n, err := strconv.ParseUint(port, 10, 16)
		if !found || err != nil || n == 0 {
			return nil, fmt.Errorf("--listen %q: want ADDR:PORT, [ADDR]:PORT or :PORT, such as :%d", text, reflectPort)
		}
		if host == "" {
			c.Listen = append(c.Listen, netip.AddrPortFrom(netip.IPv4Unspecified(), uint16(n)))
			if haveIPv6() {
				c.Listen = append(c.Listen, netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(n)))
			}
			continue
		}
		a, err := netip.ParseAddr(host)
		if err != nil {
			return nil, fmt.Errorf("--listen %q: %s is no address: want one of this host's, not a name", text, host)
		}
		c.Listen = append(c.Listen, netip.AddrPortFrom(a.Unmap(), uint16(n)))
	}
	for _, text := range all {
		a, err := netip.ParseAddr(strings.Trim(text, "[]"))
		if err != nil || a.IsUnspecified() || a.Zone() != "" {
			return nil, fmt.Errorf("--all-ports %q: want one address of this host, such as 203.0.113.7 or 2001:db8::7; once for each", text)
		}
		if slices.Contains(c.AllPorts, a.Unmap()) {
			return nil, fmt.Errorf("--all-ports %s is given twice", text)
		}
		c.AllPorts = append(c.AllPorts, a.Unmap())
	}
	if except != "" && len(all) == 0 {
		return nil, errors.New("--except leaves ports of --all-ports alone, which is not given")
	}
	for part := range strings.SplitSeq(except, ",") {
		if except == "" {
			break
		}
		first, last, isRange := strings.Cut(part, "-")
		if !isRange {
			last = first
		}
		a, bad := strconv.ParseUint(first, 10, 16)
		b, worse := strconv.ParseUint(last, 10, 16)
		if bad != nil || worse != nil || a == 0 || b < a {
			return nil, fmt.Errorf("--except %q: %q is no port or range: want 22,8000-8099", except, part)
		}
		c.Except = append(c.Except, reflect.Ports{First: uint16(a), Last: uint16(b)})
	}
	return c, nil
}

// cutPort takes the port off an address, whose brackets go.
func cutPort(s string) (host, port string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return "", "", false
	}
	host, port = s[:i], s[i+1:]
	if in, is := strings.CutPrefix(host, "["); is {
		host, ok = strings.CutSuffix(in, "]")
		return host, port, ok
	}
	return host, port, !strings.Contains(host, ":")
}

// haveIPv6 reports whether this host has IPv6 at all.
func haveIPv6() bool {
	_, err := os.Stat("/proc/net/if_inet6")
	return err == nil
}

// readToken reads the token out of a file, or the environment; nil where there is none.
func readToken(file string) (*reflect.Token, string, error) {
	text, from := os.Getenv(tokenVariable), tokenVariable
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return nil, "", fmt.Errorf("read the token: %w", err)
		}
		defer f.Close()
		data, err := io.ReadAll(io.LimitReader(f, 4096))
		if err != nil {
			return nil, "", fmt.Errorf("read the token: %w", err)
		}
		text, from = string(data), file
	} else if text == "" {
		return nil, "", nil
	}
	t, err := reflect.ParseToken(text)
	if err != nil {
		return nil, "", fmt.Errorf("%s: %w", from, err)
	}
	return t, strings.TrimSpace(text), nil
}

// announce says where it listens, and what to type at the other end.
func announce(w io.Writer, s *reflect.Server, all []netip.Addr, token string, made bool, file string) {
	port := uint16(reflectPort)
	for i, a := range s.Addresses() {
		if i == 0 {
			port = a.Port()
		}
		fmt.Fprintf(w, "reflecting on %v by tcp and udp\n", a)
	}
	for _, a := range all {
		fmt.Fprintf(w, "reflecting on all ports of %v by tcp and udp, but those that other programs have\n", a)
	}
	ports := strconv.Itoa(int(port))
	if len(all) > 0 {
		ports = "1-65535"
	}
	host := hostAddress(s, all)
	with := tokenVariable + "=" + token + " sallyport probe"
	switch {
	case file != "":
		with = "sallyport probe --reflect-token-file FILE" // which the other end has to have
	case !made:
		with = "sallyport probe" // whoever set the variable knows what it is
	}
	fmt.Fprintf(w, "at the other end:\n  %s reflect://%s:%s reflect+udp://%s:%s\n", with, host, ports, host, ports)
	if len(all) > 0 {
		fmt.Fprintf(w, "which takes 11 minutes by tcp and as long by udp, at 100 attempts a second; --rate 1000 takes a tenth\n")
	}
	switch {
	case file != "":
		fmt.Fprintf(w, "where FILE is a copy of %s\n", file)
	case !made:
		fmt.Fprintf(w, "with %s set as here\n", tokenVariable)
	}
}

// hostAddress is an address by which this host may be reached, as it stands in a URL.
func hostAddress(s *reflect.Server, all []netip.Addr) string {
	var candidates []netip.Addr
	candidates = append(candidates, all...)
	for _, a := range s.Addresses() {
		if !a.Addr().IsUnspecified() {
			candidates = append(candidates, a.Addr())
		}
	}
	if len(candidates) == 0 {
		if p, err := measure.ReadPlace(); err == nil {
			candidates = slices.DeleteFunc(p.Addresses, netip.Addr.IsLinkLocalUnicast)
		}
	}
	switch {
	case len(candidates) == 0:
		return "HOST"
	case candidates[0].Is6():
		return "[" + candidates[0].String() + "]"
	}
	return candidates[0].String()
}

// seenLine is one request for the log.
func seenLine(s *reflect.Seen, now time.Time) string {
	line := fmt.Sprintf("%s %v -> %v %s", now.UTC().Format(time.RFC3339), s.Peer, s.Local, s.Protocol)
	if t := s.TLS; t != nil {
		line += fmt.Sprintf(", %s, name %q", t.Version, t.ServerName)
	}
	if h := s.HTTP; h != nil {
		line += fmt.Sprintf(", %s %q, host %q", h.Proto, h.Method, h.Host)
	}
	if b := s.Bytes; b != nil && b.Differ >= 0 {
		line += fmt.Sprintf(", changed at byte %d, %d came", b.Differ, b.Came)
	}
	return line
}

// statsLine is what it did, in one line.
func statsLine(s *reflect.Stats) string {
	line := fmt.Sprintf("requests answered by tcp: %d, by udp: %d; connections and datagrams that did not prove the token: %d", s.TCP, s.UDP, s.Unproven)
	for _, x := range []struct {
		n    int64
		text string
	}{
		{s.Replayed, "proofs that came again"},
		{s.Stale, "proofs whose clock is far off"},
		{s.TooMany, "datagrams over the limit of their source"},
		{s.TooShort, "datagrams shorter than their answer"},
		{s.Evicted, "connections that made room for others"},
		{s.Refused, "connections for which there was no room"},
	} {
		if x.n > 0 {
			line += fmt.Sprintf("; %s: %d", x.text, x.n)
		}
	}
	return line
}
