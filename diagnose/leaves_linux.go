package diagnose

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/sallyport/sallyport/attempt"
	"golang.org/x/sys/unix"
)

// How a connection request is watched for leaving this machine. The kernel retransmits a SYN after 1 s, and since Linux 6.5 after
// 2 s again (tcp_syn_linear_timeouts, ip-sysctl.rst).
const (
	leavesWatch = 2300 * time.Millisecond // no longer than a counterfactual
	leavesQuiet = 950 * time.Millisecond  // nor does it retransmit so soon
	leavesPoll  = 2 * time.Millisecond
	leavesPhase = 430 * time.Millisecond // between the retransmissions of the other counterfactuals, which begin all at the same time
	leavesApart = 23 * time.Millisecond  // between those of connects that are watched at the same time, several times leavesPoll and a tick of the kernel
	leavesTurns = 20                     // so many before they come round
)

// leavesTurn keeps connects that are watched at the same time out of each other's retransmissions: failures that come together, as those of two ports
// that are silent, would else retransmit together, and one that is discarded here would count for the others.
var leavesTurn atomic.Uint32

// leaves makes a TCP connect and tells whether its packets leave the IP layer of this machine; Unknown where they were answered, or it
// can't be told. It needs no rights: a retransmission that the machine itself discards (a packet filter's output, an eBPF program of
// the cgroup, a traffic control queue) is counted in TcpExt's TCPRetransFail (__tcp_retransmit_skb in net/ipv4/tcp_output.c), a counter of
// the network namespace. Others may count there too, so only its moving at the very moment of our own retransmissions is taken for one
// of ours. To be called inside the program's network namespace.
func leaves(ctx context.Context, a attempt.Attempt) Answer {
	netstat, err := os.Open("/proc/thread-self/net/netstat")
	if err != nil {
		return Unknown
	}
	defer netstat.Close()
	pause(ctx, leavesPhase+leavesApart*time.Duration(leavesTurn.Add(1)%leavesTurns))
	fd := startConnect(a)
	if fd < 0 {
		return Unknown
	}
	defer unix.Close(fd)
	var held, left int
	end := time.Now().Add(leavesWatch)
	pause(ctx, leavesQuiet)
	for seen := uint32(0); time.Now().Before(end) && ctx.Err() == nil; {
		before, ok := netstatCounter(netstat, retransFail)
		pause(ctx, leavesPoll)
		info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil || !ok || info.State != unix.BPF_TCP_SYN_SENT {
			break
		}
		if info.Total_retrans == seen {
			continue
		}
		seen = info.Total_retrans
		pause(ctx, leavesPoll) // the counter moves after the number that was just read
		after, ok := netstatCounter(netstat, retransFail)
		if !ok {
			break
		}
		if after > before {
			held++
		} else {
			left++
		}
	}
	switch {
	case held > 0 && left == 0:
		return No
	case left > 0 && held == 0:
		return Yes
	}
	return Unknown
}

// startConnect begins a TCP connect; negative where it could not be begun, or has ended.
func startConnect(a attempt.Attempt) int {
	domain := unix.AF_INET
	if a.Destination.Addr().Unmap().Is6() {
		domain = unix.AF_INET6
	}
	fd, err := unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return -1
	}
	if a.Device != "" {
		err = unix.BindToDevice(fd, a.Device)
	}
	if err == nil && a.Source.Kind == attempt.SourceGiven {
		err = unix.Bind(fd, sockaddrFor(a.Source.Addr.Addr(), 0))
	}
	if err == nil {
		err = unix.Connect(fd, sockaddrFor(a.Destination.Addr(), a.Destination.Port()))
	}
	if err != unix.EINPROGRESS {
		_ = unix.Close(fd)
		return -1
	}
	return fd
}

func sockaddrFor(a netip.Addr, port uint16) unix.Sockaddr {
	if a = a.Unmap(); a.Is4() {
		return &unix.SockaddrInet4{Addr: a.As4(), Port: int(port)}
	}
	zone, _ := strconv.Atoi(a.Zone())
	return &unix.SockaddrInet6{Addr: a.As16(), Port: int(port), ZoneId: uint32(zone)}
}

// retransFail is the counter of retransmissions that this machine itself discarded.
const retransFail = "TCPRetransFail"

// netstatCounter is a counter of the namespace's TcpExt, which proc/net/netstat has in two lines: names, and their values in the same order.
func netstatCounter(netstat *os.File, name string) (n uint64, ok bool) {
	buf := make([]byte, 1<<14)
	size, _ := netstat.ReadAt(buf, 0)
	var names []string
	for line := range strings.Lines(string(buf[:size])) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] != "TcpExt:" {
			continue
		}
		if names == nil {
			names = f
			continue
		}
		if i := slices.Index(names, name); i > 0 && i < len(f) {
			n, err := strconv.ParseUint(f[i], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
