package diagnose

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sallyport/sallyport/attempt"
)

// insideVariable marks the test binary that TestKernel started inside namespaces of its own.
const insideVariable = "DIAGNOSE_TEST_INSIDE"

// TestKernel provokes causes for real, in a network namespace with one interface behind which nobody is.
// Its traffic can't leave that.
func TestKernel(t *testing.T) {
	if os.Getenv(insideVariable) != "" {
		inside(t)
		return
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("lacks ip (package iproute2)")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestKernel$", "-test.v")
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err != nil && !errors.As(err, &exit):
		t.Skipf("lacks user and network namespaces: %v", err)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	}
}

// inside sets the namespace up and provokes each cause.
func inside(t *testing.T) {
	for _, args := range []string{
		"link set lo up",
		"link add v0 type veth peer name v1",
		"link set v0 arp off up", // who is asked for no neighbour sends into the void, without an error
		"link set v1 arp off up",
		"addr add 10.9.0.1/24 dev v0",
		"addr add 2001:db8::1/64 dev v0 nodad",
		"route add default via 10.9.0.2",
		"route add prohibit 198.51.100.0/24",
		"route add unreachable 198.18.0.0/24",
		"route add blackhole 198.18.1.0/24",
	} {
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Skipf("lacks the right to set up a network (ip %s): %s", args, out)
		}
	}
	const out4, out6 = "192.0.2.1:80", "[2001:db8::2]:80"
	for _, tt := range []struct {
		name          string
		protocol      attempt.Protocol
		family        attempt.Family
		bind, connect string
		localnet      string // what route_localnet is
		want          string
		errno         attempt.Errno
	}{
		{"not local", attempt.TCP, attempt.IPv4, "192.0.2.7:0", out4, "0", BindAddressNotLocal, attempt.EADDRNOTAVAIL},
		{"loopback source", attempt.TCP, attempt.IPv4, "127.3.4.5:0", out4, "0", BindLoopbackSource, attempt.EINVAL},
		{"loopback source, UDP", attempt.UDP, attempt.IPv4, "127.3.4.5:0", out4, "0", BindLoopbackSource, attempt.EINVAL},
		{"loopback source, route_localnet", attempt.TCP, attempt.IPv4, "127.3.4.5:0", out4, "1", BindLoopbackSource, attempt.ETIMEDOUT},
		{"loopback source, IPv6", attempt.TCP, attempt.IPv6, "[::1]:0", out6, "0", BindLoopbackSource, attempt.ETIMEDOUT},
		{"loopback source, blackhole route", attempt.TCP, attempt.IPv4, "127.3.4.5:0", "198.18.1.1:80", "0", DeniedByRoute, attempt.EINVAL},
		{"loopback source to an own address", attempt.TCP, attempt.IPv4, "127.3.4.5:0", "10.9.0.1:80", "0", Refused, attempt.ECONNREFUSED},
		{"IPv4 socket, IPv6 destination", attempt.TCP, attempt.IPv4, "", out6, "0", FamilyMismatch, attempt.EAFNOSUPPORT},
		{"IPv4 socket bound to IPv6", attempt.TCP, attempt.IPv4, "[::]:0", "", "0", FamilyMismatch, attempt.EAFNOSUPPORT},
		{"IPv6 socket bound to IPv4", attempt.TCP, attempt.IPv6, "10.9.0.1:0", "", "0", FamilyMismatch, attempt.EINVAL},
		{"IPv6 socket, IPv4 destination", attempt.TCP, attempt.IPv6, "", out4, "0", FamilyMismatch, attempt.EINVAL},
		{"IPv6 source, mapped destination", attempt.TCP, attempt.IPv6, "[2001:db8::1]:0", "[::ffff:192.0.2.1]:80", "0", FamilyMismatch, attempt.ENETUNREACH},
		{"mapped source, IPv6 destination", attempt.TCP, attempt.IPv6, "[::ffff:10.9.0.1]:0", out6, "0", FamilyMismatch, attempt.EAFNOSUPPORT},
		{"prohibit route", attempt.TCP, attempt.IPv4, "", "198.51.100.1:80", "0", DeniedByRoute, attempt.EACCES},
		{"broadcast", attempt.UDP, attempt.IPv4, "", "255.255.255.255:9", "0", BroadcastDenied, attempt.EACCES},
		{"unreachable route", attempt.TCP, attempt.IPv4, "", "198.18.0.1:80", "0", DeniedByRoute, attempt.EHOSTUNREACH},
		{"no route", attempt.TCP, attempt.IPv6, "", "[2001:db8:1::1]:80", "0", NoRoute, attempt.ENETUNREACH},
		{"blackhole route", attempt.TCP, attempt.IPv4, "", "198.18.1.1:80", "0", DeniedByRoute, attempt.EINVAL},
		{"refused", attempt.TCP, attempt.IPv4, "", "127.0.0.1:9", "0", Refused, attempt.ECONNREFUSED},
		{"timed out", attempt.TCP, attempt.IPv4, "", out4, "0", TimedOut, attempt.ETIMEDOUT},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.WriteFile("/proc/sys/net/ipv4/conf/all/route_localnet", []byte(tt.localnet), 0); err != nil {
				t.Skipf("lacks the right to set route_localnet: %v", err)
			}
			l, err := live(tt.protocol, tt.family, ap(tt.bind), ap(tt.connect))
			if err != nil {
				t.Fatal(err)
			}
			v := New(kernelTrier{}, ReadFacts, Options{Timeout: 100 * time.Millisecond})
			defer v.Close()
			for _, r := range l.Attempts() {
				v.Failed(l, r)
			}
			findings, notes := v.Findings(t.Context(), []*attempt.Life{l})
			if got := causesOf(findings); got != tt.want {
				t.Fatalf("causes\n got %s\nwant %s\n%+v\n%+v", got, tt.want, findings, notes)
			}
			if got := findings[0].Outcome.Errno; got != tt.errno {
				t.Errorf("errno: got %v, want %v", got.Name(), tt.errno.Name())
			}
		})
	}
}

// live lives the life of a socket, with real calls. What has no answer in a moment has timed out.
func live(p attempt.Protocol, f attempt.Family, source, to netip.AddrPort) (*attempt.Life, error) {
	domain, kind := unix.AF_INET, unix.SOCK_STREAM
	if f == attempt.IPv6 {
		domain = unix.AF_INET6
	}
	if p == attempt.UDP {
		kind = unix.SOCK_DGRAM
	}
	fd, err := unix.Socket(domain, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	l := &attempt.Life{Process: &attempt.Process{PID: os.Getpid(), Command: []string{"test"}}, FD: fd, Protocol: p, Family: f}
	if source.IsValid() {
		begin := time.Now()
		e := errnoOf(unix.Bind(fd, sockaddr(source)))
		l.Steps = append(l.Steps, attempt.Step{Call: attempt.CallBind, Address: source, Errno: e, At: begin, Took: time.Since(begin)})
		if e != 0 {
			return l, nil
		}
	}
	begin := time.Now()
	e := errnoOf(unix.Connect(fd, sockaddr(to)))
	if e == attempt.EINPROGRESS {
		e = attempt.ETIMEDOUT
		if n, _ := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLOUT}}, 100); n > 0 {
			v, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err != nil {
				return nil, err
			}
			e = attempt.Errno(v)
		}
	}
	l.Steps = append(l.Steps, attempt.Step{Call: attempt.CallConnect, Address: to, Errno: e, At: begin, Took: time.Since(begin)})
	return l, nil
}

// kernelTrier makes attempts in the namespace of the test.
type kernelTrier struct{}

func (kernelTrier) Try(_ context.Context, _ int, a attempt.Attempt) (attempt.Outcome, error) {
	f := attempt.IPv4
	if a.Destination.Addr().Is6() {
		f = attempt.IPv6
	}
	l, err := live(a.Protocol, f, a.Source.Addr, a.Destination)
	if err != nil {
		return attempt.Outcome{}, err
	}
	all := l.Attempts()
	return all[len(all)-1].Outcome, nil
}

func errnoOf(err error) attempt.Errno {
	var e unix.Errno
	errors.As(err, &e)
	return attempt.Errno(e)
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is4() {
		return &unix.SockaddrInet4{Addr: a.Addr().As4(), Port: int(a.Port())}
	}
	return &unix.SockaddrInet6{Addr: a.Addr().As16(), Port: int(a.Port())}
}
